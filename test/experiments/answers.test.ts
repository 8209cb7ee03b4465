import assert from 'node:assert/strict';
import { test } from 'node:test';
import { packOutcome } from '../../src/evaluation/outcome-bits.js';
import { answerText } from '../../src/experiments/answers.js';
import { onTrainingImages } from '../../src/experiments/grid.js';
import { findGrid } from '../../src/experiments/grids.js';
import { defaultPlaces } from '../../src/experiments/places.js';
import { rowsOnRecord, type MeasuredRow } from '../../src/experiments/results.js';
import { settingOf } from '../../src/experiments/setting.js';

const [known] = await rowsOnRecord(findGrid('students'), await settingOf('quick'), defaultPlaces());
const training = known!.training!;
const evaluation = Object.values(known!.measured)[0]!;

/** A record of so many right answers among 200. */
const right = (correct: number) => ({
  ...evaluation,
  evaluation: {
    ...evaluation.evaluation!,
    ...{ correct, total: 200 },
    outcome: packOutcome(Uint8Array.from({ length: 200 }, (_, i) => Number(i < correct))),
  },
});

/** The rows of a table with what was measured of some: right answers among 200, by `method replicate`. */
const rowsWith = async (
  name: string,
  measured: Readonly<Record<string, Readonly<Record<string, number>>>>,
): Promise<MeasuredRow[]> =>
  findGrid(name)
    .rows(await settingOf('lite'))
    .map((row) => {
      const own = measured[`${row.method} ${row.replicate}`];
      return {
        ...row,
        training: own && training,
        measured: Object.fromEntries(Object.entries(own ?? {}).map(([attack, correct]) => [attack, right(correct)])),
      };
    });

test('the distance to adversarial training is told at both widths, over the replicates that both have', async () => {
  const rows = await rowsWith('student-width', {
    'pgd-at 0': { clean: 120, 'pgd-sat': 80 },
    'pgd-at-wider 0': { clean: 140, 'pgd-sat': 90 },
    'ciard 0': { clean: 150, 'pgd-sat': 60 },
    'ciard-wider 0': { clean: 160, 'pgd-sat': 84 },
    // Of this one a wider student is not attacked yet, of the next there is none.
    'ciard 1': { clean: 10, 'pgd-sat': 10 },
    'pgd-at 1': { clean: 120, 'pgd-sat': 10 },
    'ciard-wider 1': { clean: 20 },
    'pgd-at-wider 1': { clean: 100, 'pgd-sat': 10 },
    'ciard 2': { clean: 0, 'pgd-sat': 0 },
    'pgd-at 2': { clean: 200, 'pgd-sat': 200 },
  });
  assert.equal(
    answerText(findGrid('student-width'), rows),
    'CIARD less PGD-AT: PGD-20 (sat) −10.00 at a width of 0.125, −3.00 at a width of 0.25 (1 replicate); ' +
      'Clean −20.00 at a width of 0.125, −15.00 at a width of 0.25 (2 replicates).',
  );
  assert.equal(answerText(findGrid('student-width'), []), '');
});

test('the gap between training and test images is told of adversarial training, and how it varies', async () => {
  const sat = onTrainingImages('pgd-sat');
  const rows = await rowsWith('generalisation', {
    'pgd-at 0': { [sat]: 80, 'pgd-sat': 76 },
    'pgd-at 1': { [sat]: 82, 'pgd-sat': 76 },
    'rslad 0': { [sat]: 80, 'pgd-sat': 78 },
    'ciard 0': { 'pgd-sat': 60 },
    'mtard 0': { [sat]: 60, 'pgd-sat': 50 },
  });
  assert.equal(
    answerText(findGrid('generalisation'), rows),
    'PGD-20 (sat): PGD-AT is right on 40.50 % of training images and 38.00 % of test images (2 replicates); ' +
      'of 3 methods the gap is from +1.00 (RSLAD, 1 replicate) to +5.00 (MTARD, 1 replicate).',
  );
  assert.equal(answerText(findGrid('students'), rows), '');
});
