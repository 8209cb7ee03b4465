import * as tf from '@tensorflow/tfjs-core';
import { startNoise } from '../src/attacks/threat-model.js';
import { tensorflow } from '../src/engine/backend.js';
import { ciardCode } from '../src/methods/ciard.js';
import type { Method } from '../src/methods/method.js';
import { natural } from '../src/methods/natural.js';
import { pgdAt } from '../src/methods/pgd-at.js';
import { gaussianPgd10 } from '../src/methods/common-recipe.js';
import { createNetwork, type WeightedNetwork } from '../src/models/network.js';
import { createRng, type Rng } from '../src/random.js';
import { createTrainingProgram, type TrainingBatch } from '../src/training/training-program.js';
import type { BenchCase } from './cases.js';
import type { Side, Work } from './interleave.js';

/** What is measured is what training runs: the programs that the methods are recorded into. */
const timed = (work: () => void): number => {
  const start = performance.now();
  tf.tidy(work);
  return performance.now() - start;
};

const freshNetwork = (architecture: string, rng: Rng): WeightedNetwork => {
  const network = createNetwork(architecture);
  return { network, weights: network.initialise(rng) };
};

const batchOf = (size: number, rng: Rng): TrainingBatch => ({
  x: tf.tensor4d(rng.uniforms(size * 32 * 32 * 3), [size, 32, 32, 3]),
  labels: tf.tensor1d(
    Array.from({ length: size }, (_, i) => i % 10),
    'int32',
  ),
});

/** `method` made ready for batches of one size, with fresh networks, and a batch of random images. */
const prepareMethod = (
  method: Method,
  student: string,
  batch: number,
  teachers?: { clean: string; robust: string },
) => {
  const rng = createRng(0);
  const networks = {
    student: freshNetwork(student, rng.fork('student')),
    cleanTeacher: teachers && freshNetwork(teachers.clean, rng.fork('clean')),
    robustTeacher: teachers && freshNetwork(teachers.robust, rng.fork('robust')),
  };
  const recipe = { ...method.recipe, attack: gaussianPgd10 };
  const program = createTrainingProgram({ method, recipe, networks, batchSizes: [batch] });
  for (const each of Object.values(networks)) if (each) tf.dispose(each.weights);
  const data = batchOf(batch, rng.fork('batch'));
  return {
    program,
    data,
    rng,
    recipe,
    dispose: (): Promise<void> => {
      program.dispose();
      tf.dispose([data.x, data.labels]);
      return Promise.resolve();
    },
  };
};

const times = (repeats: number, work: () => void): Promise<number[]> =>
  Promise.resolve(Array.from({ length: repeats }, () => timed(work)));

const attackStep = ({ network, batch }: BenchCase): Work => {
  const { program, data, rng, recipe, dispose } = prepareMethod(pgdAt, network, batch);
  const noise = tf.tensor4d(startNoise(recipe.attack.start, data.x.size, recipe.attack.epsilon, rng), data.x.shape);
  return {
    async run(repeats) {
      // What an attack does once, at its start: the batch norms are folded into the convolutions. Each step bears its part.
      const share =
        timed(() => {
          program.begin({ ...data, noise });
        }) / recipe.attack.steps;
      const steps = await times(repeats, () => {
        program.ascend();
      });
      return steps.map((step) => step + share);
    },
    dispose() {
      noise.dispose();
      return dispose();
    },
  };
};

const trainingStep = ({ network, batch }: BenchCase): Work => {
  const { program, data, dispose } = prepareMethod(natural, network, batch);
  program.beginEpoch({ scalars: {}, rates: { student: 0.1, robustTeacher: 0 } });
  const step = (): void => {
    program.begin(data);
    program.step('train');
  };
  return { run: (repeats) => times(repeats, step), dispose };
};

const ciardStep = ({ network, batch }: BenchCase): Work => {
  const teachers = { clean: 'cifar-resnet-56', robust: 'wrn-34-10' };
  const { program, data, rng, recipe, dispose } = prepareMethod(ciardCode, network, batch, teachers);
  program.beginEpoch({ scalars: {}, rates: { student: 0.1, robustTeacher: 1e-4 } });
  const { start, steps, epsilon } = recipe.attack;
  const step = (): void => {
    const noise = tf.tensor4d(startNoise(start, data.x.size, epsilon, rng), data.x.shape);
    program.begin({ ...data, noise });
    for (let i = 0; i < steps; i++) program.ascend();
    program.step('distil and retrain');
  };
  return { run: (repeats) => times(repeats, step), dispose };
};

const works = { 'attack-step': attackStep, 'training-step': trainingStep, 'ciard-step': ciardStep } as const;

/** This project as a side of the benchmark. */
export const oursSide = (): Side => ({
  name: 'ours',
  process: {
    processorSeconds() {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    },
  },
  prepare: (benchCase) => Promise.resolve(works[benchCase.work](benchCase)),
});

/** What our side runs on. */
export const oursInformation = (): { node: string; tensorflow: string } => ({
  node: process.version,
  tensorflow: tensorflow().binding.TF_Version,
});
