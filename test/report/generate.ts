import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { resolveAttack } from '../../src/attacks/catalogue.js';
import { saveCheckpoint } from '../../src/checkpoints/checkpoint.js';
import { infoOfNetwork, stateDictOfWeights } from '../../src/checkpoints/network-checkpoint.js';
import { gather } from '../../src/data/batches.js';
import { loadPart } from '../../src/data/datasets.js';
import type { ImageSet } from '../../src/data/records.js';
import { accuracyFrom } from '../../src/evaluation/accuracy.js';
import { evaluate } from '../../src/evaluation/evaluate.js';
import { spreadIndices } from '../../src/evaluation/image-indices.js';
import { packOutcome } from '../../src/evaluation/outcome-bits.js';
import { findGrid } from '../../src/experiments/grids.js';
import { recordsFolder, runFolder, type Places } from '../../src/experiments/places.js';
import type { StudentName } from '../../src/experiments/scale.js';
import { settingOf } from '../../src/experiments/setting.js';
import { methods } from '../../src/methods/catalogue.js';
import { resolveRecipe } from '../../src/methods/recipe.js';
import { createNetwork, type Network } from '../../src/models/network.js';
import { createRng } from '../../src/random.js';
import { writeCellRecord, type CellRecord } from '../../src/results/cell-record.js';
import { cellId, trainingRevision, type EvaluateCell, type TrainCell } from '../../src/results/cell.js';
import { bestFile } from '../../src/training/run-folder.js';

const sha256 = (text: string | Buffer): string => createHash('sha256').update(text).digest('hex');

const environment: CellRecord['environment'] = {
  ...{ version: '0.1.0', commit: null, modified: null, node: '20.20.2', platform: 'linux-x64', cpu: 'generated' },
  ...{ threads: 2, dvc: null, kernel: null },
  tensorflow: { version: '2.21.0', device: 'cpu', gpu: null, oneDnn: true, threads: 1 },
};
const common = { format: 'ciard-cell-1' as const, warnings: [], environment };

const trainRecord = (cell: TrainCell, name: string, checkpoint: string): CellRecord => {
  const rng = createRng(cell.seed).fork(name);
  const epochs = 12;
  return {
    ...common,
    ...{ id: cellId(cell), name, cell, evaluation: null },
    training: {
      ...{ parameters: 20_000, trainImages: 2000, validationImages: 200, checkpoint, teacherCheckpoint: null },
      history: Array.from({ length: epochs }, (_, i) => ({
        epoch: i + 1,
        learningRate: 0.1,
        terms: { loss: 2 / (i + 1) + 0.1 * rng.uniform(), adversarial: 1 / (i + 1) },
        ...(cell.method === 'ciard' && i % 3 === 2 ? { retrained: 1 } : {}),
        validation: { clean: 0.3 + 0.04 * i, robust: 0.2 + 0.02 * i + 0.02 * rng.uniform(), teacherRobust: 0.5 },
      })),
      best: { epoch: epochs, score: 0.5 },
    },
    cost: { wall: 60, processor: 50 + 10 * rng.uniform(), imagesPerSecond: 100 },
  };
};

const evaluateRecord = (cell: EvaluateCell, name: string, outcome: Uint8Array, checkpoint: string): CellRecord => {
  const { correct, total, interval } = accuracyFrom(
    outcome.reduce((sum, right) => sum + right, 0),
    outcome.length,
  );
  return {
    ...common,
    ...{ id: cellId(cell), name, cell, training: null },
    evaluation: {
      ...{ correct, total, outcome: packOutcome(outcome), stages: null, checkpoint },
      interval: [interval[0], interval[1]],
    },
    cost: { wall: 5, processor: 4, imagesPerSecond: 100 },
  };
};

/**
 * Records as `count` trainings would leave them: every method, several settings, three replicates each, their accuracies
 * drawn. @returns the names of the trainings
 */
export const generateRecords = async (places: Places, count: number): Promise<string[]> => {
  const { data, scale } = await settingOf('quick');
  const folder = recordsFolder(places, 'students');
  mkdirSync(folder, { recursive: true });
  const names: string[] = [];
  for (let i = 0; i < count; i++) {
    const seed = i % 3;
    const variant = Math.floor(i / 3);
    const method = methods[variant % methods.length]!;
    const round = Math.floor(variant / methods.length);
    const train: TrainCell = {
      ...{ kind: 'train', revision: trainingRevision, method: method.name, seed },
      network: { architecture: 'quick-resnet', width: 0.5, classes: data.classes, imageSize: data.imageSize },
      data: { name: data.name, md5: data.train.md5, images: 2000 },
      recipe: resolveRecipe(method, { epochs: 12 + round, batchSize: 50 }),
      teachers: { clean: null, robust: null },
    };
    const name = `synthetic-quick/${method.name}-${round}-s${seed}`;
    names.push(name);
    const checkpoint = sha256(name);
    const id = cellId(train);
    await writeCellRecord(join(folder, `${id}.json`), trainRecord(train, name, checkpoint));
    const rng = createRng(i);
    for (const [attack, share] of [
      ['clean', 0.6],
      ['fgsm', 0.45],
      ['pgd-sat', 0.35],
      ['cw', 0.33],
    ] as const) {
      const evaluation: EvaluateCell = {
        ...{ kind: 'evaluate', model: id, of: 'student', surrogate: null, seed },
        attack: scale.attack(attack).spec,
        data: { name: data.name, md5: data.test.md5, images: 500 },
      };
      const right = share + 0.02 * (variant % 7);
      const outcome = Uint8Array.from({ length: 500 }, () => Number(rng.uniform() < right));
      await writeCellRecord(
        join(folder, `${cellId(evaluation)}.json`),
        evaluateRecord(evaluation, `${name}/${attack}`, outcome, checkpoint),
      );
    }
  }
  return names;
};

/** Drawn weights with the running statistics of images: without them a deep network answers all images alike. */
const withStatistics = (
  network: Network,
  drawn: Record<string, tf.Tensor>,
  set: ImageSet,
): Record<string, tf.Tensor> => {
  let weights = drawn;
  for (let pass = 0; pass < 40; pass++) {
    const before = weights;
    weights = tf.tidy(() => {
      const { images } = gather(set, spreadIndices(set.length, 32));
      const x = tf.tensor4d(images, [32, network.imageSize, network.imageSize, 3]);
      const merged = { ...before, ...network.train(before, x).statistics };
      return Object.fromEntries(Object.entries(merged).map(([name, tensor]) => [name, tensor.clone()]));
    });
    tf.dispose(before);
  }
  return weights;
};

/**
 * The records of two students of the table with weights that were drawn, and truly evaluated: what the page can compute.
 * @param networks in the place of the scale's
 * @returns their trainings' ids
 */
export const generateStudents = async (
  places: Places,
  networks: Partial<Record<StudentName, { readonly architecture: string; readonly width: number }>> = {},
): Promise<string[]> => {
  const setting = await settingOf('quick');
  const folder = recordsFolder(places, 'students');
  mkdirSync(folder, { recursive: true });
  const set = await loadPart('synthetic', 'test');
  const ids: string[] = [];
  const rows = findGrid('students')
    .rows(setting)
    .filter(({ method, replicate }) => method === 'ciard' && replicate === 0);
  for (const { train: planned, evaluations, student } of rows) {
    const train: TrainCell = { ...planned, network: { ...planned.network, ...networks[student as StudentName] } };
    const { architecture, ...options } = train.network;
    const network = createNetwork(architecture, options);
    const weights = withStatistics(network, network.initialise(createRng(7)), set);
    const values = Object.fromEntries(
      network.variables.map(({ name }) => [name, weights[name]!.dataSync() as Float32Array]),
    );
    const id = cellId(train);
    const file = bestFile(runFolder(places, id));
    mkdirSync(runFolder(places, id), { recursive: true });
    await saveCheckpoint(file, infoOfNetwork(network), stateDictOfWeights(network, values));
    const checkpoint = sha256(readFileSync(file));
    const name = `synthetic-quick/ciard-${student}-s0`;
    const record = trainRecord(train, name, checkpoint);
    const training = { ...record.training!, parameters: network.parameters };
    await writeCellRecord(join(folder, `${id}.json`), { ...record, training });
    const { attacks } = await evaluate({
      ...{ network, weights, set, indices: spreadIndices(set.length, 500), seed: 0 },
      attacks: ['clean', 'fgsm', 'pgd-sat'].map((attack) => resolveAttack(attack)),
    });
    for (const [attack, { outcome }] of Object.entries(attacks)) {
      const cell: EvaluateCell = { ...evaluations[attack]!, model: id };
      const measured = evaluateRecord(cell, `${name}/${attack}`, outcome, checkpoint);
      await writeCellRecord(join(folder, `${measured.id}.json`), measured);
    }
    tf.dispose(weights);
    ids.push(id);
  }
  return ids;
};
