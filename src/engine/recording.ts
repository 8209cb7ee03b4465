import * as tf from '@tensorflow/tfjs-core';
import { UserError } from '../errors.js';
import { tensorflow } from './backend.js';
import type { GraphWriter } from './graph.js';
import { attribute, type DataType } from './kernels.js';
import { nodeWriter, type NodeInput } from './mixed-precision.js';
import { withPrecision, type Precision } from './precision.js';

/** Constants larger than this are data that should be an argument, not part of a program. */
const largestConstant = 16384;

/** What a tensor is in the graph: the output that computes it, and the shape in which it does. */
interface Source {
  readonly output: string;
  readonly shape: readonly number[];
}

const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((size, axis) => size === b[axis]);

export interface RecordedFunction<R> {
  readonly result: R;
  /** The output of the graph that computes `tensor`. */
  readonly outputOf: (tensor: tf.Tensor) => string;
}

/**
 * Runs `run` once and writes every kernel that TensorFlow executes meanwhile into `graph` as a node, gradients included:
 * tfjs' tape works as always and nothing else has to know of it.
 *
 * @param sources what the arguments of the function are in the graph: placeholders, variables
 * @param precision what the graph computes in; the run that is recorded is in float32
 * @throws UserError where `run` does what a graph can't repeat: reads a value, uses a tensor that is no argument
 */
export const record = <R>(
  graph: GraphWriter,
  scope: string,
  sources: ReadonlyMap<tf.Tensor, string>,
  run: () => R,
  precision: Precision = 'float32',
): RecordedFunction<R> => {
  const backend = tensorflow();
  const writer = nodeWriter(graph, scope, precision);
  // tfjs-node names data by an object; tensors that are views of the same data share it.
  const known = new WeakMap<tf.DataId, Source>();
  const host = new WeakMap<tf.DataId, { values: Float32Array | Int32Array | Uint8Array; dtype: DataType }>();
  for (const [tensor, output] of sources) known.set(tensor.dataId, { output, shape: tensor.shape });

  const inputOf = (info: tf.TensorInfo): NodeInput => ({
    output: sourceOf(info),
    dtype: info.dtype as DataType,
    shape: info.shape,
  });
  const sourceOf = ({ dataId, shape, dtype }: tf.TensorInfo): string => {
    const source = known.get(dataId);
    if (source) {
      if (sameShape(source.shape, shape)) return source.output;
      const wanted = graph.constant(scope, 'int32', [shape.length], Int32Array.from(shape));
      return writer.node(
        'Reshape',
        [attribute.type('T', dtype as DataType), attribute.type('Tshape', 'int32')],
        [
          { output: source.output, dtype: dtype as DataType, shape: source.shape },
          { output: wanted, dtype: 'int32', shape: [shape.length] },
        ],
      );
    }
    const constant = host.get(dataId);
    if (!constant) {
      throw new UserError(
        `${scope}: the function uses a tensor of shape [${shape.join(', ')}] that was made outside of it. A recorded ` +
          'function sees its arguments and the variables of its program alone: pass the tensor as an argument.',
      );
    }
    if (constant.values.length > largestConstant && !constant.values.every((value) => value === constant.values[0])) {
      throw new UserError(
        `${scope}: the function makes a tensor of ${constant.values.length} values from the host. They would be frozen into ` +
          'the program (random numbers too): pass the tensor as an argument.',
      );
    }
    return graph.constant(scope, constant.dtype, shape, constant.values);
  };

  const original = {
    single: backend.executeSingleOutput.bind(backend),
    multiple: backend.executeMultipleOutputs.bind(backend),
    move: backend.move.bind(backend),
  };
  const note = (
    name: string,
    attributes: Parameters<typeof original.single>[1],
    inputs: readonly tf.TensorInfo[],
    outputs: tf.Tensor[],
  ): void => {
    const node = writer.node(name, attributes, inputs.map(inputOf));
    outputs.forEach((tensor, i) => {
      known.set(tensor.dataId, { output: i === 0 ? node : `${node}:${i}`, shape: tensor.shape });
    });
  };
  const readKnown = (dataId: tf.DataId): tf.backend_util.BackendValues => {
    // What the function made of values of the host is the same at every run; tfjs looks at indices that way.
    const constant = host.get(dataId);
    if (constant) return constant.values;
    throw new UserError(
      `${scope}: the function reads the value of a tensor (dataSync, data, print). A recorded function runs as one graph, ` +
        'in which no value can be looked at: return the tensor as an output, or set CIARD_EAGER=1 to debug.',
    );
  };
  backend.executeSingleOutput = (name, attributes, inputs) => {
    const output = original.single(name, attributes, inputs);
    note(name, attributes, inputs, [output]);
    return output;
  };
  backend.executeMultipleOutputs = (name, attributes, inputs, count) => {
    const outputs = original.multiple(name, attributes, inputs, count);
    note(name, attributes, inputs, outputs);
    return outputs;
  };
  backend.move = (dataId, values, shape, dtype, refCount) => {
    if (dtype === 'float32' || dtype === 'int32' || dtype === 'bool') {
      host.set(dataId, { values: values as Float32Array | Int32Array | Uint8Array, dtype });
    }
    original.move(dataId, values, shape, dtype, refCount);
  };
  backend.readSync = readKnown;
  backend.read = (dataId) => Promise.resolve(readKnown(dataId));
  try {
    const result = withPrecision(precision, run);
    return { result, outputOf: (tensor) => writer.float32(sourceOf(tensor)) };
  } finally {
    // Ours are properties of the object; those of its class show again.
    for (const name of ['executeSingleOutput', 'executeMultipleOutputs', 'move', 'readSync', 'read'] as const) {
      Reflect.deleteProperty(backend, name);
    }
  }
};
