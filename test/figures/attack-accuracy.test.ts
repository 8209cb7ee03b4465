import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attackAccuracyFigure, type AttackedNetwork } from '../../src/figures/attack-accuracy.js';
import { checkFigure } from './golden.js';

const measured = (value: number): { value: number; interval: [number, number] } => ({
  value,
  interval: [value * 0.97, value * 0.97 + 0.03],
});

const networks: AttackedNetwork[] = [
  { label: 'PGD-AT', attacks: { clean: measured(0.82), fgsm: measured(0.55), 'pgd-sat': measured(0.48) } },
  { label: 'CIARD', attacks: { clean: measured(0.87), 'pgd-sat': measured(0.51) } },
];

test('accuracy by attack: bars from nothing, a gap where an attack was not run', async () => {
  const figure = attackAccuracyFigure(networks, { attackTitles: { 'pgd-sat': 'PGD-20' } });
  assert.deepEqual(figure.layout.xaxis?.categoryarray, ['Clean', 'FGSM', 'PGD-20']);
  assert.deepEqual(figure.data[1]!.x, ['Clean', 'PGD-20']);
  assert.equal((figure.layout.yaxis?.range as number[])[0], 0);
  await checkFigure('attack-accuracy', figure);
});

test('more networks than colours: the later ones are hollow', async () => {
  const many = Array.from({ length: 8 }, (_, i) => ({
    label: `network ${i + 1}`,
    attacks: { clean: measured(0.9 - 0.05 * i), 'pgd-sat': measured(0.05 * i) },
  }));
  await checkFigure('attack-accuracy-many', attackAccuracyFigure(many));
});
