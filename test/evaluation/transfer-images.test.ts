import assert from 'node:assert/strict';
import { readdirSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createAttack, resolveAttack } from '../../src/attacks/catalogue.js';
import { UserError } from '../../src/errors.js';
import { evaluate, type EvaluationOptions } from '../../src/evaluation/evaluate.js';
import { createNetwork } from '../../src/models/network.js';
import { createRng } from '../../src/random.js';
import { keepWeights, smallSubject } from '../attacks/networks.js';
import { temporaryFolder } from '../temporary.js';

// More than a file holds, and labels that are wrong here and there: what is wrong needs no attack.
const agreeing = smallSubject(530);
const labels = agreeing.set.labels.map((label, i) => (i % 5 === 0 ? (label + 1) % 5 : label));
const subject = { ...agreeing, set: { ...agreeing.set, labels } };
const surrogateOf = (seed: number): NonNullable<EvaluationOptions['surrogate']> => {
  const network = createNetwork('cifar-resnet-8', { width: 0.25, classes: 5, imageSize: subject.network.imageSize });
  return { network, weights: keepWeights(network.initialise(createRng(seed))) };
};
const surrogate = surrogateOf(1);
const attacks = ['bb-pgd-trades', 'bb-cw'];
const options = { ...subject, surrogate, attacks, epsilon: 4 / 255 };

const outcomesOf = async (changes: Partial<EvaluationOptions> = {}): Promise<Record<string, number[]>> =>
  Object.fromEntries(
    Object.entries((await evaluate({ ...options, ...changes })).attacks).map(([name, { outcome }]) => [
      name,
      Array.from(outcome),
    ]),
  );

/** Files below a folder, with when each was written. */
const filesIn = (folder: string): Record<string, number> =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((file) => [file, statSync(file).mtimeMs]),
  );

test('kept transfer images end as those made anew do, and are made once', async (t) => {
  const transferFolder = temporaryFolder(t);
  const anew = await outcomesOf();
  assert.ok(
    anew['bb-cw']!.some((right, i) => right < anew['clean']![i]!),
    'nothing is broken',
  );
  assert.deepEqual(await outcomesOf({ transferFolder }), anew);
  const files = filesIn(transferFolder);
  // Two attacks, 530 images, 512 a file; no lock is left.
  assert.equal(Object.keys(files).length, 4);
  assert.deepEqual(await outcomesOf({ transferFolder }), anew);
  assert.deepEqual(filesIn(transferFolder), files);

  // Another network under the same images, which fit it as well as its own would.
  const other = keepWeights(subject.network.initialise(createRng(9)));
  assert.deepEqual(await outcomesOf({ weights: other, transferFolder }), await outcomesOf({ weights: other }));
  assert.deepEqual(filesIn(transferFolder), files);

  // What decides the images decides the files.
  const few: Partial<EvaluationOptions> = { indices: [3, 1, 2], attacks: ['bb-cw'] };
  const some: Partial<EvaluationOptions>[] = [{}, { seed: 1 }, { epsilon: 2 / 255 }, { surrogate: surrogateOf(2) }];
  for (const [i, changes] of some.entries()) {
    assert.deepEqual(
      await outcomesOf({ ...few, ...changes, transferFolder }),
      await outcomesOf({ ...few, ...changes }),
    );
    assert.equal(Object.keys(filesIn(transferFolder)).length, 5 + i);
  }
});

test('two that want the same images share the making', async (t) => {
  const transferFolder = temporaryFolder(t);
  const [one, two] = await Promise.all([outcomesOf({ transferFolder }), outcomesOf({ transferFolder })]);
  assert.deepEqual(one, two);
  assert.deepEqual(one, await outcomesOf());
  assert.equal(Object.keys(filesIn(transferFolder)).length, 4);
});

test('a damaged file of transfer images is told by name; an attack of one’s own is made anew', async (t) => {
  const transferFolder = temporaryFolder(t);
  const indices = [1, 2, 3];
  await outcomesOf({ indices, transferFolder });
  const file = Object.keys(filesIn(transferFolder))[0]!;
  truncateSync(file, 1000);
  await assert.rejects(
    outcomesOf({ indices, transferFolder }),
    (error: Error) => error instanceof UserError && error.message.startsWith(`${file} has 1000 bytes, but `),
  );

  const empty = temporaryFolder(t);
  const known = createAttack(resolveAttack('bb-cw', { epsilon: 4 / 255 }));
  assert.ok(!('stages' in known) && known.transfers && known.key);
  const own = { name: 'own', epsilon: known.epsilon, transfers: true, run: known.run.bind(known) };
  await outcomesOf({ indices, attacks: [own], transferFolder: empty });
  assert.deepEqual(filesIn(empty), {});
});
