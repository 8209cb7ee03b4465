import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as tf from '@tensorflow/tfjs-core';
import { gradients } from '../../src/engine/gradient.js';
import { crossEntropy } from '../../src/engine/softmax.js';
import { createNetwork, type NetworkOptions } from '../../src/models/network.js';
import { assertClose, oracleImages, oracleJson, oracleLabels, oracleTensors, oracleWeights } from '../oracle.js';

interface Reference {
  readonly batch: number;
  readonly classes: number;
  readonly parameters: number;
  readonly train_loss: number;
  readonly first_bn: string;
  readonly last_bn: string;
  readonly param_grad_norms: Readonly<Record<string, number>>;
  readonly state_dict: Readonly<Record<string, readonly number[]>>;
}

const cifar100 = { mean: [0.5071, 0.4865, 0.4409], std: [0.2673, 0.2564, 0.2762] } as const;

const networks: Readonly<Record<string, readonly [string, NetworkOptions?]>> = {
  resnet18: ['resnet18'],
  mobilenet_v2: ['mobilenetv2'],
  wrn34_10: ['wrn-34-10'],
  wrn16_4: ['wrn-16-4'],
  cifar_resnet56: ['cifar-resnet-56'],
  dm_wrn16_2_swish_c100: ['wrn-16-2-swish', { normalisation: cifar100 }],
  preact_resnet18_c200: ['preact-resnet18'],
};

const references = oracleJson('architectures') as Record<string, Reference>;
const tensors = oracleTensors('architectures');

for (const [key, [architecture, options]] of Object.entries(networks)) {
  test(`${architecture} equals PyTorch's: parameters, logits, gradients, running statistics`, () => {
    const reference = references[key]!;
    const { batch, classes } = reference;
    const network = createNetwork(architecture, { ...options, classes });
    assert.equal(network.parameters, reference.parameters);
    assert.deepEqual([...network.trainable].sort(), Object.keys(reference.param_grad_norms).sort());
    tf.tidy(() => {
      const weights = oracleWeights(network, reference.state_dict);
      const x = oracleImages(batch);
      const y = oracleLabels(batch, classes);

      const trained = gradients(
        () => {
          const { logits, statistics } = network.train(weights, x);
          return { value: tf.mean(crossEntropy(logits, y)), aux: { ...statistics, logits } };
        },
        Object.fromEntries(network.trainable.map((name) => [name, weights[name]!])),
      );
      const expected = (name: string): Float32Array => tensors(`${key}/${name}`).values;
      assertClose(trained.aux.logits.dataSync(), expected('train_logits'), 1e-4, 'logits in training mode');
      assertClose(trained.value.dataSync(), [reference.train_loss], 1e-4, 'loss');
      // The oracle's running statistics are those after a pass with momentum 1: the batch's own. Ours moved by a tenth.
      const measured: Record<string, tf.Tensor> = Object.fromEntries(
        Object.entries<tf.Tensor>(trained.aux)
          .filter(([name]) => name !== 'logits')
          .map(([name, moved]) => [name, tf.div(tf.sub(moved, tf.mul(weights[name]!, 0.9)), 0.1)]),
      );
      for (const [place, norm] of [
        ['first', reference.first_bn],
        ['last', reference.last_bn],
      ] as const) {
        for (const statistic of ['running_mean', 'running_var'] as const) {
          const values = measured[`${norm}.${statistic}`]!.dataSync();
          assertClose(values, expected(`${place}_${statistic}`), 1e-4, `${norm}.${statistic}`);
        }
      }
      // A value next to ReLU's kink falls on one side or the other by its last bit, and takes its gradient along: the deep
      // networks agree relative to the largest norm, and as a whole; with a smooth activation each part does, to rounding.
      const smooth = architecture.endsWith('swish');
      const largest = Math.max(...Object.values(reference.param_grad_norms));
      for (const [name, norm] of Object.entries(reference.param_grad_norms)) {
        const ours = tf.norm(trained.gradients[name]!).dataSync()[0]!;
        const allowed = smooth ? 1e-5 * norm : 2e-3 * largest;
        assert.ok(Math.abs(ours - norm) <= allowed, `gradient of ${name}: ${ours}, expected ${norm}`);
      }

      const folded = network.fold({ ...weights, ...measured });
      const attacked = gradients(
        () => {
          const logits = network.evaluate(folded, x);
          return { value: tf.mean(crossEntropy(logits, y)), aux: { logits } };
        },
        { x },
      );
      assertClose(attacked.aux.logits.dataSync(), expected('eval_logits'), 1e-4, 'logits in evaluation mode');
      const inputGradient = tf.transpose(attacked.gradients.x, [0, 3, 1, 2]).dataSync();
      const norms = Object.keys(reference.param_grad_norms).map(
        (name) => tf.norm(trained.gradients[name]!).dataSync()[0]!,
      );
      const whole = Math.hypot(...norms);
      assertClose(
        [whole],
        [Math.hypot(...Object.values(reference.param_grad_norms))],
        1e-3,
        'norm of the whole gradient',
      );

      const wanted = expected('eval_input_grad');
      const difference = Math.hypot(...wanted.map((value, i) => value - inputGradient[i]!)) / Math.hypot(...wanted);
      assert.ok(difference <= (smooth ? 1e-5 : 2e-2), `gradient of the input: off by ${difference} of its norm`);
      assertClose([Math.hypot(...inputGradient)], [Math.hypot(...wanted)], 1e-3, 'norm of the gradient of the input');
    });
  });
}
