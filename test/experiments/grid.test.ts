import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { workLeft } from '../../src/experiments/execute.js';
import { cellsOf, defineGrid, onTrainingImages } from '../../src/experiments/grid.js';
import { allGrids, findGrid } from '../../src/experiments/grids.js';
import { grids } from '../../src/experiments/paper-grids.js';
import { defaultPlaces, placesIn, recordsFolder, runFolder } from '../../src/experiments/places.js';
import { scales } from '../../src/experiments/scale.js';
import { scaleNames } from '../../src/experiments/scale-names.js';
import { settingOf } from '../../src/experiments/setting.js';
import { inOrder, joinUnits, nextOf, unitsOf, workOf } from '../../src/experiments/units.js';
import { UserError } from '../../src/errors.js';
import { findMethod, methods } from '../../src/methods/catalogue.js';
import { cellId, cellSchema } from '../../src/results/cell.js';
import { bestFile } from '../../src/training/run-folder.js';
import { temporaryFolder } from '../temporary.js';
import { tinyGrid, tinySetting } from './tiny.js';

test('every table can be laid out at every scale, of cells that are each there once', async () => {
  for (const name of scaleNames) {
    for (const data of scales[name].datasets) {
      const setting = await settingOf(name, { data, replicates: 1 });
      for (const grid of allGrids) {
        const cells = cellsOf(grid, setting);
        // What stands beside the tables is not asked at every scale.
        assert.ok(cells.length > 0 || !grids.includes(grid), grid.name);
        assert.equal(new Set(cells.map(({ id }) => id)).size, cells.length);
        const known = new Set<string>();
        for (const { id, cell, needs } of cells) {
          assert.equal(cellId(cellSchema.parse(JSON.parse(JSON.stringify(cell)))), id);
          for (const need of needs) assert.ok(known.has(need), `${grid.name}: something comes before what it needs`);
          known.add(id);
        }
      }
    }
  }
});

test('the id of a cell is that of its content: the order of its keys is nothing, every value is something', async () => {
  const [first] = cellsOf(findGrid('students'), await settingOf('quick', { replicates: 1 }));
  const { cell, id } = first!;
  assert.equal(cellId(Object.fromEntries(Object.entries(cell).reverse()) as typeof cell), id);
  assert.notEqual(cellId({ ...cell, seed: cell.seed + 1 }), id);
});

test('a row more, other titles and other replicates change no cell of another row', async () => {
  const setting = await tinySetting();
  const before = cellsOf(tinyGrid, setting).map(({ id }) => id);
  const more = defineGrid({
    name: 'other',
    attacks: ['clean', 'fgsm', 'cw'],
    variants: ['natural', 'pgd-at', 'trades', 'ciard'].map((name) => ({
      key: `my ${name}`,
      title: 'T',
      method: findMethod(name),
    })),
  });
  const after = new Set(cellsOf(more, { ...setting, replicates: [3, 0] }).map(({ id }) => id));
  for (const id of before) assert.ok(after.has(id));
});

test('the methods of a replicate share its seed, and no replicate has a cell of another', async () => {
  const rows = findGrid('students').rows(await settingOf('quick'));
  for (const { replicate, train, evaluations } of rows) {
    assert.equal(train.seed, replicate);
    for (const cell of Object.values(evaluations)) assert.equal(cell.seed, replicate);
  }
  assert.equal(new Set(rows.map(({ train }) => cellId(train))).size, rows.length);
});

test('no row trains what another does: where a natural prefix is a warm-up, there is none without it', async () => {
  for (const [scale, expected] of [
    ['quick', true],
    ['lite', false],
    ['paper', true],
  ] as const) {
    const rows = findGrid('ablation-itt').rows(await settingOf(scale, { replicates: 1 }));
    assert.equal(
      rows.some(({ method }) => method === 'ciard-no-warm-up'),
      expected,
      scale,
    );
    // Phases alone can make equal what the recipes tell apart.
    const phases = rows.map(({ train: { recipe } }) => {
      const { warmUp, retrainEvery, retrainFor } = recipe.settings;
      const begin = Math.max(Number(warmUp), recipe.naturalPrefix);
      return retrainEvery === 0 ? 'never' : [begin, retrainEvery, retrainFor].join();
    });
    assert.equal(new Set(phases).size, phases.length / new Set(rows.map(({ student }) => student)).size, scale);
  }
});

test('a record shows every setting of a method, and a setting that is none is refused', async () => {
  const setting = await tinySetting();
  const [row] = tinyGrid.rows(setting).filter(({ method }) => method === 'ciard');
  assert.equal(row!.train.recipe.settings['pushTemperature'], 5);
  const typo = defineGrid({
    name: 'typo',
    variants: [{ key: 'a', title: 'a', method: findMethod('ciard'), changes: { settings: { pushWieght: 1 } } }],
  });
  assert.throws(
    () => typo.rows(setting),
    (error: Error) =>
      error instanceof UserError && error.message.includes('pushWieght') && error.message.includes('pushWeight'),
  );
  assert.throws(() => defineGrid({ name: 'twice', variants: [tinyVariant, tinyVariant] }), /two rows called pgd-at/);
});

const tinyVariant = { key: 'pgd-at', title: 'PGD-AT', method: findMethod('pgd-at') };

test('teachers are begun before their students, and what tables share is done once', async () => {
  const setting = await settingOf('quick', { replicates: 2 });
  const units = inOrder(
    joinUnits(['students', 'ablation-terms', 'black-box'].flatMap((name) => unitsOf(findGrid(name), setting))),
  );
  const place = new Map(units.map(({ id }, i) => [id, i]));
  assert.equal(place.size, units.length);
  for (const { id, needs } of units) for (const need of needs) assert.ok(place.get(need)! < place.get(id)!);
  const ciard = units.filter(({ name }) => name === 'synthetic-quick/ciard-resnet18-s0');
  assert.equal(ciard.length, 1);
  assert.ok(ciard[0]!.cells.some(({ name }) => name.endsWith('/bb-cw')));
});

test('a process goes on with the replicates of what it did last, another begins another kind', async () => {
  const setting = await settingOf('quick', { replicates: 3 });
  const units = unitsOf(findGrid('students'), setting).filter(({ name }) => /\/(pgd-at|ciard)-resnet18-/.test(name));
  const kinds = new Map(units.map(({ name, kind }) => [name.split('/')[1]!.replace(/-s\d+$/, ''), kind]));
  assert.deepEqual([...kinds.keys()].sort(), ['ciard-resnet18', 'pgd-at-resnet18']);
  assert.equal(new Set(units.map(({ kind }) => kind)).size, 2);
  const [pgd, ciard] = [kinds.get('pgd-at-resnet18')!, kinds.get('ciard-resnet18')!];
  const first = units[0]!;
  const other = first.kind === pgd ? ciard : pgd;
  const nothing = new Set<string>();
  assert.equal(nextOf(units, nothing, nothing), first);
  assert.equal(nextOf(units, new Set([other]), nothing)?.kind, other);
  assert.equal(nextOf(units, nothing, new Set([first.kind]))?.kind, other);
  assert.equal(nextOf(units, nothing, new Set([pgd, ciard])), first);
  assert.ok(!nextOf<(typeof units)[number]>([], new Set([pgd]), nothing));
});

test('what is left of a unit is what has no record', async () => {
  const units = unitsOf(findGrid('students'), await settingOf('quick', { replicates: 1 }));
  const unit = units.find(({ cells }) => cells.length > 1);
  const [training, ...evaluations] = unit!.cells.map(({ id }) => id);
  const places = placesIn(temporaryFolder());
  const copy = (id: string) =>
    cp(
      join(recordsFolder(defaultPlaces(), 'students'), `${id}.json`),
      join(recordsFolder(places, 'students'), `${id}.json`),
    );
  assert.equal(await workLeft(unit!, places), workOf(unit!));
  await copy(training!);
  const left = await workLeft(unit!, places);
  assert.equal(left, workOf(unit!, new Set(evaluations)));
  assert.equal(left + workOf(unit!, new Set([training!])), workOf(unit!));
  for (const id of evaluations) await copy(id);
  // All is on record: what is wanted again are weights.
  assert.equal(await workLeft(unit!, places), workOf(unit!, new Set([training!])));
  // Of other replicates than the first no weights are shipped: to evaluate one is to train it.
  const others = unitsOf(findGrid('students'), { ...(await settingOf('quick')), replicates: [1] });
  const other = others.find(({ cells }) => cells.length > 1)!;
  await copy(other.id);
  assert.equal(await workLeft(other, places), workOf(other));
  mkdirSync(runFolder(places, other.id), { recursive: true });
  writeFileSync(bestFile(runFolder(places, other.id)), '');
  assert.equal(await workLeft(other, places), workOf(other, new Set(other.cells.slice(1).map(({ id }) => id))));
});

test('wider students differ from the usual ones in their width alone, where a scale has them', async () => {
  const rows = findGrid('student-width').rows(await settingOf('lite', { replicates: 1 }));
  assert.ok(rows.length > 0);
  const { widerStudent } = scales.lite;
  for (const wider of rows.filter(({ method }) => method.endsWith('-wider'))) {
    const usual = rows.find(({ method }) => `${method}-wider` === wider.method)!;
    assert.deepEqual(wider.train, { ...usual.train, network: { ...usual.train.network, ...widerStudent } });
    assert.ok(wider.train.network.width > usual.train.network.width);
  }
  assert.deepEqual(findGrid('student-width').rows(await settingOf('quick')), []);
});

test('training images are evaluated beside as many test images, where all of them are trained on', async () => {
  const setting = await settingOf('lite', { replicates: 1 });
  const rows = findGrid('generalisation').rows(setting);
  assert.equal(rows.length, methods.length);
  for (const { evaluations } of rows) {
    for (const attack of ['clean', 'pgd-sat']) {
      const [on, off] = [evaluations[onTrainingImages(attack)]!, evaluations[attack]!];
      assert.deepEqual(on.data, { name: 'cifar10', md5: setting.data.train.md5, images: 10_000, part: 'train' });
      assert.deepEqual({ ...on, data: off.data }, off);
    }
  }
  assert.deepEqual(findGrid('generalisation').rows(await settingOf('quick')), []);
});
