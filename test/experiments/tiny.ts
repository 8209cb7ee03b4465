import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { findMethod } from '../../src/methods/catalogue.js';
import { resolveAttack } from '../../src/attacks/catalogue.js';
import { defineGrid, type Grid, type GridSetting } from '../../src/experiments/grid.js';
import { scales, type Scale } from '../../src/experiments/scale.js';
import { recordsFolder, type Places } from '../../src/experiments/places.js';
import { readCellRecord } from '../../src/results/cell-record.js';
import { settingOf } from '../../src/experiments/setting.js';

const network = { architecture: 'cifar-resnet-8', width: 0.25 };
const changes = {
  epochs: 2,
  batchSize: 32,
  dropLast: true,
  attack: { steps: 1, stepSize: 8 / 255 },
  validation: { images: 20, steps: 1 },
};

/** The quick scale made smaller still: a training is seconds. */
export const tinyScale: Scale = {
  ...scales.quick,
  students: { resnet18: network },
  teachers: {
    clean: { method: 'natural', network, changes },
    robust: { method: 'pgd-at', network, changes: { ...changes, epochs: 1 } },
  },
  trainImages: 160,
  replicates: 1,
  changes: () => changes,
  attack: (name) => ({ spec: resolveAttack(name), images: 40 }),
};

export const tinySetting = async (): Promise<GridSetting> => ({
  ...(await settingOf('quick')),
  scale: tinyScale,
  replicates: [0],
  precision: 'float32',
});

export const tinyGrid: Grid = defineGrid({
  name: 'students',
  variants: ['pgd-at', 'ciard'].map((name) => ({ key: name, title: name, method: findMethod(name) })),
  attacks: ['clean', 'fgsm'],
});

/** The records of the tiny grid, but for what each cost, which is another each time. */
export const recordsIn = async (places: Places): Promise<Record<string, unknown>> => {
  const folder = recordsFolder(places, tinyGrid.name);
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json')).sort();
  const records: Record<string, unknown> = {};
  for (const name of names) records[name] = { ...(await readCellRecord(join(folder, name))), cost: undefined };
  return records;
};
