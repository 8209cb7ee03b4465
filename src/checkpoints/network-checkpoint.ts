/** Between a network's weights in memory and a checkpoint. Nothing here needs Node. */
import type * as tf from '@tensorflow/tfjs-core';
import { UserError } from '../errors.js';
import { fromTorch, toTorch } from '../models/layout.js';
import { createNetwork } from '../models/network.js';
import type { Network } from '../models/network.js';
import type { Checkpoint, CheckpointInfo } from './checkpoint-format.js';
import { isComplete, matchStateDict, mismatchLines } from './match-state-dict.js';
import type { ExpectedTensor } from './match-state-dict.js';
import { float32Of, float32Tensor, sizeOfShape } from './state-dict.js';
import type { StateDict } from './state-dict.js';

/** The tensors that a network has, in PyTorch's order and shapes. */
export const expectedTensors = ({ variables }: Network): ExpectedTensor[] =>
  variables.map(({ name, torchShape, used }) => ({ name, shape: torchShape, ...(used ? {} : { unused: true }) }));

/** What a checkpoint says of a network, without how it was trained. */
export const infoOfNetwork = ({ architecture, classes, width, imageSize, normalisation }: Network): CheckpointInfo => ({
  architecture,
  classes,
  ...(width === 1 ? {} : { width }),
  imageSize,
  ...(normalisation ? { mean: normalisation.mean, std: normalisation.std } : {}),
});

/** The network that a checkpoint says it is of, its normalisation included. @throws UserError where there is no such network */
export const networkOfInfo = ({ architecture, classes, width, imageSize, mean, std }: CheckpointInfo): Network =>
  createNetwork(architecture, {
    classes,
    ...(width === undefined ? {} : { width }),
    ...(imageSize === undefined ? {} : { imageSize }),
    ...(mean && std ? { normalisation: { mean, std } } : {}),
  });

/**
 * Weights as they go into a checkpoint: PyTorch's names, order and layout.
 * @param values for each variable of `network`, its values in memory's layout
 */
export const stateDictOfWeights = (network: Network, values: Readonly<Record<string, Float32Array>>): StateDict =>
  new Map(
    network.variables.map((spec) => {
      const given = values[spec.name];
      if (!given)
        throw new Error(
          `stateDictOfWeights: ${network.architecture} has a variable ${spec.name}, and no values of it are given`,
        );
      return [spec.name, float32Tensor(spec.torchShape, toTorch(spec, given))];
    }),
  );

/**
 * The network of a checkpoint with its weights. Tensors beyond the network's (an optimiser's, say) are passed over; those
 * that it never computes with are zeros where the checkpoint has none of them.
 * @returns weights by name, in memory's layout: the caller's, to be disposed
 * @throws UserError where a tensor of the network is missing or has another shape, naming the first of them
 */
export const restoreNetwork = (
  { info, tensors }: Checkpoint,
  name = 'the checkpoint',
): { network: Network; weights: Record<string, tf.Tensor> } => {
  const network = networkOfInfo(info);
  const match = matchStateDict(expectedTensors(network), tensors);
  if (!isComplete(match))
    throw new UserError(
      [
        `${name} does not hold the ${info.architecture} that it says it does:`,
        ...mismatchLines({ ...match, surplus: [] }),
      ].join('\n'),
    );
  return {
    network,
    weights: Object.fromEntries(
      network.variables.map((spec) => {
        const given = match.matched.get(spec.name);
        return [spec.name, fromTorch(spec, given ? float32Of(given) : new Float32Array(sizeOfShape(spec.torchShape)))];
      }),
    ),
  };
};
