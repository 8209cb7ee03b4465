import '@tensorflow/tfjs-core/dist/register_all_gradients.js';
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-webgl';
import * as tf from '@tensorflow/tfjs-core';
import { carliniWagnerLoss, crossEntropyLoss, type LogitLoss } from '../../attacks/attack-losses.js';
import { cwConfidence, cwLinfSteps, fgsmSteps, pgdSatSteps, type SignSteps } from '../../attacks/published-steps.js';
import { signStep } from '../../attacks/sign-step.js';
import { defaultEpsilon, moveIntoBall, startFrom, startNoise } from '../../attacks/threat-model.js';
import { createNetwork } from '../../models/network.js';
import { createRng } from '../../random.js';
import type { Laboratory, LaboratoryNetwork } from '../data.js';
import { imagesOf } from './laboratory-images.js';
import { floatsOf } from './unpack.js';

export type Backend = 'webgl' | 'cpu';

/** What computes, and why not what would be quicker. */
export interface Computing {
  readonly backend: Backend;
  readonly reason: string;
}

/**
 * Chooses what computes: WebGL where it keeps 32-bit floats, else plain JavaScript. With 16 bits logits would be wrong in the
 * third digit, and outcomes others than the records'.
 */
export const startComputing = async (wanted?: Backend): Promise<Computing> => {
  if (wanted !== 'cpu') {
    try {
      const isThere = await tf.setBackend('webgl');
      if (isThere && tf.env().getBool('WEBGL_RENDER_FLOAT32_ENABLED')) {
        await tf.ready();
        return { backend: 'webgl', reason: 'WebGL with 32-bit floats' };
      }
    } catch {
      // No WebGL here: the processor computes.
    }
  }
  await tf.setBackend('cpu');
  await tf.ready();
  return {
    backend: 'cpu',
    reason: wanted === 'cpu' ? 'the processor, as chosen' : 'the processor: WebGL with 32-bit floats is not to be had',
  };
};

/** Lets the page draw, and answer. */
export const breathe = (): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, 0);
  });

/** A network in the page: logits of images, whose tensors are the caller's or of the `tf.tidy` around the call. */
export interface PageNetwork {
  readonly entry: LaboratoryNetwork;
  readonly logits: (x: tf.Tensor4D) => tf.Tensor2D;
  readonly dispose: () => void;
}

export const loadPageNetwork = (entry: LaboratoryNetwork): PageNetwork => {
  const { architecture, classes, width, imageSize, mean, std, tensors } = entry;
  const network = createNetwork(architecture, {
    ...{ classes, width, imageSize },
    normalisation: mean && std ? { mean, std } : undefined,
  });
  const values = floatsOf(entry.values);
  const folded: Record<string, tf.Tensor> = {};
  let at = 0;
  for (const { name, shape } of tensors) {
    const size = shape.reduce((product, length) => product * length, 1);
    folded[name] = tf.tensor(values.slice(at, at + size), [...shape]);
    at += size;
  }
  return {
    entry,
    logits: (x) => network.evaluate(folded, x),
    dispose: () => {
      tf.dispose(folded);
    },
  };
};

export const attackNames = ['fgsm', 'pgd-sat', 'cw'] as const;
export type AttackName = (typeof attackNames)[number];

const published: Readonly<Record<AttackName, { steps: (epsilon: number) => SignSteps; loss: LogitLoss }>> = {
  fgsm: { steps: fgsmSteps, loss: crossEntropyLoss },
  'pgd-sat': { steps: pgdSatSteps, loss: crossEntropyLoss },
  cw: { steps: cwLinfSteps, loss: carliniWagnerLoss(cwConfidence) },
};

/** As many steps as published. */
export const publishedStepsOf = (name: AttackName): number => published[name].steps(defaultEpsilon).steps;

export interface AttackRequest {
  readonly network: PageNetwork;
  /** [B, H, W, 3] in [0, 1]. */
  readonly images: Float32Array;
  readonly labels: readonly number[];
  /** Positions in the test set, which a random start depends on. */
  readonly indices: readonly number[];
  readonly name: AttackName;
  /** In image units. */
  readonly epsilon: number;
  /** FGSM takes one, whatever is asked for. */
  readonly steps: number;
  readonly seed: number;
}

/**
 * The steps of a published attack, one after the other: what each made of the images, moved into the ball as an evaluation
 * does before it judges. The first is the start.
 */
export async function* attackSteps(request: AttackRequest): AsyncGenerator<Float32Array> {
  const { network, images, labels, indices, name, epsilon, steps, seed } = request;
  const { steps: stepsOf, loss } = published[name];
  const { stepSize, start, clampEachStep } = stepsOf(epsilon);
  const size = network.entry.imageSize;
  const shape: [number, number, number, number] = [labels.length, size, size, 3];
  const pixels = 3 * size ** 2;
  const noise = new Float32Array(images.length);
  const rng = createRng(seed).fork(name);
  indices.forEach((index, i) => {
    noise.set(startNoise(start, pixels, epsilon, rng.fork('image', index)), i * pixels);
  });
  const x = tf.tensor4d(images, shape);
  const truth = tf.tensor1d([...labels], 'int32');
  let adversarial = tf.tidy(() => startFrom(start, x, tf.tensor4d(noise, shape)).clone());
  const judged = async (): Promise<Float32Array> => {
    const moved = tf.tidy(() => moveIntoBall(adversarial, x, epsilon));
    try {
      return (await moved.data()) as Float32Array;
    } finally {
      moved.dispose();
    }
  };
  try {
    yield await judged();
    for (let step = 0; step < (name === 'fgsm' ? 1 : steps); step++) {
      const before = adversarial;
      adversarial = tf.tidy(() =>
        signStep((image) => loss(network.logits(image), truth), x, before, {
          ...{ epsilon, stepSize, clamp: clampEachStep },
        }),
      );
      before.dispose();
      yield await judged();
    }
  } finally {
    tf.dispose([x, truth, adversarial]);
  }
}

/** Logits of images, [B, classes]. */
export const logitsOf = async (network: PageNetwork, images: Float32Array): Promise<Float32Array> => {
  const { imageSize } = network.entry;
  const count = images.length / (3 * imageSize ** 2);
  const logits = tf.tidy(() => network.logits(tf.tensor4d(images, [count, imageSize, imageSize, 3])));
  try {
    return (await logits.data()) as Float32Array;
  } finally {
    logits.dispose();
  }
};

/** The probability of each class. */
export const softmaxOf = (logits: Float32Array): number[] => {
  const most = Math.max(...logits);
  const powers = Array.from(logits, (value) => Math.exp(value - most));
  const sum = powers.reduce((total, value) => total + value, 0);
  return powers.map((value) => value / sum);
};

export const largestOf = (values: ArrayLike<number>): number => {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
};

/** How far this page and Node agree on a network. */
export interface Agreement {
  readonly images: number;
  /** The largest difference of a logit. */
  readonly logits: number;
  /** Images on which FGSM ends here as its record says; null where there is no such record. */
  readonly fgsm: number | null;
}

/** Images that are computed with at once: so many that the page still answers. */
const batch = 20;

/**
 * Compares what this page computes with what Node did.
 * @param fgsm by image, what the record of FGSM says: 1 where the network is still right
 */
export const agreementOf = async (
  network: PageNetwork,
  laboratory: Laboratory,
  fgsm: readonly number[] | null,
): Promise<Agreement> => {
  const { labels, indices } = laboratory;
  const { classes } = network.entry;
  const expected = floatsOf(network.entry.logits);
  let logits = 0;
  let same = 0;
  for (let from = 0; from < labels.length; from += batch) {
    const numbers = Array.from({ length: Math.min(batch, labels.length - from) }, (_, i) => from + i);
    const images = imagesOf(laboratory, numbers);
    const clean = await logitsOf(network, images);
    clean.forEach((value, i) => {
      logits = Math.max(logits, Math.abs(value - expected[from * classes + i]!));
    });
    if (fgsm) {
      let adversarial = images;
      for await (const each of attackSteps({
        ...{ network, images, name: 'fgsm', epsilon: defaultEpsilon, steps: 1, seed: 0 },
        labels: numbers.map((number) => labels[number]!),
        indices: numbers.map((number) => indices[number]!),
      }))
        adversarial = each;
      const attacked = await logitsOf(network, adversarial);
      numbers.forEach((number, i) => {
        const isRight = (values: Float32Array): boolean =>
          largestOf(values.subarray(i * classes, (i + 1) * classes)) === labels[number];
        // Whoever is wrong without an attack counts as wrong.
        if (Number(isRight(clean) && isRight(attacked)) === fgsm[number]) same++;
      });
    }
    await breathe();
  }
  return { images: labels.length, logits, fgsm: fgsm ? same : null };
};
