import { findMethod } from '../../src/methods/catalogue.js';
import { resolveAttack } from '../../src/attacks/catalogue.js';
import { defineGrid, type Grid, type GridSetting } from '../../src/experiments/grid.js';
import { scales, type Scale } from '../../src/experiments/scale.js';
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
});

export const tinyGrid: Grid = defineGrid({
  name: 'students',
  variants: ['pgd-at', 'ciard'].map((name) => ({ key: name, title: name, method: findMethod(name) })),
  attacks: ['clean', 'fgsm'],
});
