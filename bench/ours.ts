import * as tf from '@tensorflow/tfjs-core';
import { startNoise } from '../src/attacks/threat-model.js';
import { tensorflow } from '../src/engine/backend.js';
import type { Precision } from '../src/engine/precision.js';
import { ciard, ciardCode } from '../src/methods/ciard.js';
import type { Method } from '../src/methods/method.js';
import type { InnerMaximisation } from '../src/methods/recipe.js';
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

interface NetworkChoice {
  readonly architecture: string;
  readonly width: number;
}

const freshNetwork = ({ architecture, width }: NetworkChoice, rng: Rng): WeightedNetwork => {
  const network = createNetwork(architecture, { width });
  return { network, weights: network.initialise(rng) };
};

const batchOf = (size: number, rng: Rng): TrainingBatch => ({
  x: tf.tensor4d(rng.uniforms(size * 32 * 32 * 3), [size, 32, 32, 3]),
  labels: tf.tensor1d(
    Array.from({ length: size }, (_, i) => i % 10),
    'int32',
  ),
});

interface Teachers {
  readonly clean: NetworkChoice;
  readonly robust: NetworkChoice;
}

const published: Teachers = {
  clean: { architecture: 'cifar-resnet-56', width: 1 },
  robust: { architecture: 'wrn-34-10', width: 1 },
};

/** Those of the scale `lite`. */
const small: Teachers = {
  clean: { architecture: 'resnet18', width: 1 / 4 },
  robust: { architecture: 'resnet18', width: 1 / 4 },
};

/** `method` made ready for batches of one size, with fresh networks, and a batch of random images. */
const prepareMethod = (
  method: Method,
  { network, width, batch }: BenchCase,
  {
    precision,
    teachers,
    attack = gaussianPgd10,
  }: { readonly precision: Precision; readonly teachers?: Teachers; readonly attack?: InnerMaximisation },
) => {
  const rng = createRng(0);
  const networks = {
    student: freshNetwork({ architecture: network, width }, rng.fork('student')),
    cleanTeacher: teachers && freshNetwork(teachers.clean, rng.fork('clean')),
    robustTeacher: teachers && freshNetwork(teachers.robust, rng.fork('robust')),
  };
  const recipe = { ...method.recipe, attack, precision };
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

const attackStep = (benchCase: BenchCase, precision: Precision): Work => {
  const { program, data, rng, recipe, dispose } = prepareMethod(pgdAt, benchCase, { precision });
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

const trainingStep = (benchCase: BenchCase, precision: Precision): Work => {
  const { program, data, dispose } = prepareMethod(natural, benchCase, { precision });
  program.beginEpoch({ scalars: {}, rates: { student: 0.1, robustTeacher: 0 } });
  const step = (): void => {
    program.begin(data);
    program.step('train');
  };
  return { run: (repeats) => times(repeats, step), dispose };
};

/** A whole step of CIARD: the batch, its attack, and the loss in the phase that trains the teacher too. */
const ciardStep =
  (method: Method, teachers: Teachers, attack: InnerMaximisation) =>
  (benchCase: BenchCase, precision: Precision): Work => {
    const { program, data, rng, recipe, dispose } = prepareMethod(method, benchCase, { precision, teachers, attack });
    const scalars = method.scalars?.({ progress: 0, settings: recipe.settings, validations: [] }) ?? {};
    program.beginEpoch({ scalars, rates: { student: 0.1, robustTeacher: 1e-4 } });
    const { start, steps, epsilon } = recipe.attack;
    const phase = method.phases!.at(-1)!;
    const step = (): void => {
      const noise = tf.tensor4d(startNoise(start, data.x.size, epsilon, rng), data.x.shape);
      program.begin({ ...data, noise });
      for (let i = 0; i < steps; i++) program.ascend();
      program.step(phase);
    };
    return { run: (repeats) => times(repeats, step), dispose };
  };

const twoSteps: InnerMaximisation = { ...gaussianPgd10, steps: 2, stepSize: 5 / 255 };

const works = {
  'attack-step': attackStep,
  'training-step': trainingStep,
  'ciard-step': ciardStep(ciardCode, published, gaussianPgd10),
  'lite-ciard-step': ciardStep(ciard, small, twoSteps),
  'lite-ciard-code-step': ciardStep(ciardCode, small, twoSteps),
} as const;

export const prepareWork = (benchCase: BenchCase, precision: Precision): Work =>
  works[benchCase.work](benchCase, precision);

/** This project as a side of the benchmark. */
export const oursSide = (precision: Precision): Side => ({
  name: 'ours',
  process: {
    processorSeconds() {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    },
  },
  prepare: (benchCase) => Promise.resolve(prepareWork(benchCase, precision)),
});

/** What our side runs on. */
export const oursInformation = (): { node: string; tensorflow: string } => ({
  node: process.version,
  tensorflow: tensorflow().binding.TF_Version,
});

const passOf = ({ architecture, width }: NetworkChoice): number =>
  createNetwork(architecture, { width }).layers.reduce((sum, layer) => sum + 2 * layer.multiplyAdds, 0);

/**
 * The arithmetic of a case by the networks' definition, in floating-point operations: a forward pass, and as much again for
 * the gradient of the images and for that of the weights.
 */
export const arithmeticOf = ({ work, network, width, batch }: BenchCase): number => {
  const student = passOf({ architecture: network, width });
  if (work === 'attack-step') return batch * 2 * student;
  // The first layer's images need no gradient; that is little.
  if (work === 'training-step') return batch * 3 * student;
  const { clean, robust } = work === 'ciard-step' ? published : small;
  const steps = work === 'ciard-step' ? gaussianPgd10.steps : twoSteps.steps;
  // The student learns from both kinds of images, the robust teacher from one. The clean one looks at both, but for the
  // paper's summary, which has cross-entropy on x.
  const looks = work === 'lite-ciard-step' ? 1 : 2;
  return batch * ((2 * steps + 6) * student + looks * passOf(clean) + 3 * passOf(robust));
};

/** Floating-point operations a second of a product of two matrices of 1,024 × 1,024: the best of some. */
export const matrixProductSpeed = (): number =>
  tf.tidy(() => {
    const size = 1024;
    const [a, b] = [tf.randomUniform([size, size], -1, 1, 'float32', 1), tf.randomUniform([size, size], -1, 1)];
    const seconds = Array.from({ length: 12 }, () => {
      const start = performance.now();
      tf.matMul(a, b).dispose();
      return (performance.now() - start) / 1000;
    });
    return (2 * size ** 3) / Math.min(...seconds);
  });
