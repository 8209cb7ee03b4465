import * as tf from '@tensorflow/tfjs-core';
import { tensorflow } from '../src/engine/backend.js';
import { gradients } from '../src/engine/gradient.js';
import { createProgram } from '../src/engine/program.js';
import { crossEntropy } from '../src/engine/softmax.js';
import { createNetwork, type Network } from '../src/models/network.js';
import { createRng } from '../src/random.js';
import { momentumBuffer, sgd } from '../src/training/sgd.js';
import type { BenchCase } from './cases.js';
import type { Side, Work } from './interleave.js';

const epsilon = 8 / 255;
const stepSize = 2 / 255;

const timed = (work: () => void): number => {
  const start = performance.now();
  work();
  return performance.now() - start;
};

const imagesAndLabels = (batch: number): { x: tf.Tensor4D; y: tf.Tensor1D } => ({
  x: tf.tensor4d(createRng(7).uniforms(batch * 32 * 32 * 3), [batch, 32, 32, 3]),
  y: tf.tensor1d(
    Array.from({ length: batch }, (_, i) => i % 10),
    'int32',
  ),
});

const images = (batch: number): { shape: number[] } => ({ shape: [batch, 32, 32, 3] });
const labels = (batch: number): { shape: number[]; dtype: 'int32' } => ({ shape: [batch], dtype: 'int32' });

const attackStep = (network: Network, batch: number): Work => {
  const { x, y } = imagesAndLabels(batch);
  const weights = network.initialise(createRng(1));
  const folded = tf.tidy(() =>
    Object.fromEntries(
      Object.entries(network.fold(weights)).map(([name, tensor]) => [`folded/${name}`, tensor.clone()]),
    ),
  );
  const program = createProgram(
    { ...weights, ...folded },
    {
      fold: {
        inputs: {},
        run: (variables) => ({
          updates: Object.fromEntries(
            Object.entries(network.fold(variables)).map(([name, tensor]) => [`folded/${name}`, tensor]),
          ),
        }),
      },
      step: {
        inputs: { adversarial: images(batch), x: images(batch), y: labels(batch) },
        run(variables, inputs) {
          const [adversarial, clean, label] = [inputs['adversarial']!, inputs['x']!, inputs['y']!];
          const own = Object.fromEntries(
            Object.entries(variables)
              .filter(([name]) => name.startsWith('folded/'))
              .map(([name, tensor]) => [name.slice('folded/'.length), tensor]),
          );
          const { gradients: slope } = gradients(
            () => ({
              value: tf.mean(crossEntropy(network.evaluate(own, adversarial as tf.Tensor4D), label as tf.Tensor1D)),
            }),
            { adversarial },
          );
          const moved = tf.add(adversarial, tf.mul(tf.sign(slope.adversarial), stepSize));
          const near = tf.minimum(tf.maximum(moved, tf.sub(clean, epsilon)), tf.add(clean, epsilon));
          return { outputs: { adversarial: tf.clipByValue(near, 0, 1) } };
        },
      },
    },
  );
  let adversarial: tf.Tensor = x.clone();
  return {
    run(repeats) {
      // An attack of ten steps folds once; each step bears its part.
      const share = timed(() => program.call('fold', {})) / 10;
      const times = Array.from({ length: repeats }, () =>
        timed(() => {
          const { adversarial: next } = program.call('step', { adversarial, x, y });
          adversarial.dispose();
          adversarial = next!;
        }),
      );
      return Promise.resolve(times.map((time) => time + share));
    },
    dispose() {
      program.dispose();
      tf.dispose([x, y, adversarial, weights, folded]);
      return Promise.resolve();
    },
  };
};

const trainingStep = (network: Network, batch: number): Work => {
  const { x, y } = imagesAndLabels(batch);
  const weights = network.initialise(createRng(1));
  const buffers = Object.fromEntries(
    network.trainable.map((name) => [momentumBuffer(name), tf.zerosLike(weights[name]!)]),
  );
  const learningRate = tf.scalar(0.1);
  const program = createProgram(
    { ...weights, ...buffers },
    {
      step: {
        inputs: { x: images(batch), y: labels(batch), learningRate: { shape: [] } },
        run(variables, { x: image, y: label, learningRate: rate }) {
          const {
            value,
            gradients: slopes,
            aux,
          } = gradients(
            () => {
              const { logits, statistics } = network.train(variables, image as tf.Tensor4D);
              return {
                value: tf.mean(crossEntropy(logits, label as tf.Tensor1D)),
                aux: statistics,
              };
            },
            Object.fromEntries(network.trainable.map((name) => [name, variables[name]!])),
          );
          return {
            outputs: { loss: value },
            updates: { ...sgd(variables, slopes, rate!, { momentum: 0.9, weightDecay: 2e-4 }), ...aux },
          };
        },
      },
    },
  );
  return {
    run: (repeats) =>
      Promise.resolve(
        Array.from({ length: repeats }, () =>
          timed(() => {
            program.call('step', { x, y, learningRate })['loss']!.dispose();
          }),
        ),
      ),
    dispose() {
      program.dispose();
      tf.dispose([x, y, learningRate, weights, buffers]);
      return Promise.resolve();
    },
  };
};

const prepare = ({ work, network, batch }: BenchCase): Work => {
  if (work === 'attack-step') return attackStep(createNetwork(network), batch);
  if (work === 'training-step') return trainingStep(createNetwork(network), batch);
  throw new Error('ciard-step: to come');
};

/** This project as a side of the benchmark. Its steps run as recorded programs, as attacks and training run them. */
export const oursSide = (): Side => ({
  name: 'ours',
  process: { processorSeconds: () => (process.cpuUsage().user + process.cpuUsage().system) / 1e6 },
  prepare: (benchCase) => Promise.resolve(prepare(benchCase)),
});

/** What our side runs on. */
export const oursInformation = (): { node: string; tensorflow: string } => ({
  node: process.version,
  tensorflow: tensorflow().binding.TF_Version,
});
