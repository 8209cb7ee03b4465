import * as tf from '@tensorflow/tfjs-core';

/** An attribute of a TensorFlow operation, in the form that the addon takes. */
export interface Attribute {
  readonly name: string;
  /** A constant of TF_AttrType. */
  readonly type: number;
  readonly value: number | boolean | string | readonly number[] | readonly boolean[];
}

/** What TensorFlow returns of an output. `id` names it inside the addon. */
export interface TensorHandle {
  readonly id: number;
  readonly shape: number[];
  readonly dtype: number;
}

/** The parts of tfjs-node's addon that this room calls. */
export interface Binding {
  readonly TF_Version: string;
  createTensor(shape: readonly number[], dtype: number, values: ArrayLike<number>): number;
  deleteTensor(id: number): void;
  loadSavedModel(folder: string, tags: string): number;
  deleteSavedModel(id: number): void;
  runSavedModel(id: number, inputs: number[], inputNames: string, outputNames: string): TensorHandle[];
  isUsingGpuDevice(): boolean;
}

/** The parts of tfjs-node's backend that this room calls; every kernel of tfjs-node goes through the two `execute…`. */
export interface TensorFlowBackend {
  readonly binding: Binding;
  executeSingleOutput(name: string, attributes: readonly Attribute[], inputs: readonly tf.TensorInfo[]): tf.Tensor;
  executeMultipleOutputs(
    name: string,
    attributes: readonly Attribute[],
    inputs: readonly tf.TensorInfo[],
    outputs: number,
  ): tf.Tensor[];
  /** Every tensor that is made from values of the host passes here. */
  move(
    dataId: tf.DataId,
    values: tf.backend_util.BackendValues,
    shape: number[],
    dtype: tf.DataType,
    refCount: number,
  ): void;
  read(dataId: tf.DataId): Promise<tf.backend_util.BackendValues>;
  readSync(dataId: tf.DataId): tf.backend_util.BackendValues;
  /** The addon's ids of tensors; values of the host are handed over at that moment. */
  getInputTensorIds(tensors: readonly tf.TensorInfo[]): number[];
  createOutputTensor(handle: TensorHandle): tf.Tensor;
}

/** TF_AttrType, as TensorFlow's C interface numbers it. */
export const attributeType = { string: 0, int: 1, float: 2, bool: 3, type: 4, shape: 5 } as const;

/** TF_DataType of the types that tfjs knows. */
export const dataType = { float32: 1, int32: 3, bool: 10 } as const;
export type DataType = keyof typeof dataType;

/** Attributes by name: `type('T', 'float32')`. */
export const attribute = {
  type: (name: string, value: DataType): Attribute => ({ name, type: attributeType.type, value: dataType[value] }),
  int: (name: string, value: number): Attribute => ({ name, type: attributeType.int, value }),
  ints: (name: string, value: readonly number[]): Attribute => ({ name, type: attributeType.int, value }),
  float: (name: string, value: number): Attribute => ({ name, type: attributeType.float, value }),
  bool: (name: string, value: boolean): Attribute => ({ name, type: attributeType.bool, value }),
  string: (name: string, value: string): Attribute => ({ name, type: attributeType.string, value }),
};

/** Whether the operations run on TensorFlow itself. If not, they fall back to tfjs' own. */
export const onTensorFlow = (): boolean => tf.getBackend() === 'tensorflow';

/** Whether TensorFlow computes on a GPU. */
export const onGpu = (): boolean => backend().binding.isUsingGpuDevice();

const backend = (): TensorFlowBackend => tf.backend() as unknown as TensorFlowBackend;

/** Runs one TensorFlow operation with one output. No gradient: it is for use inside kernels and gradients. */
export const execute = (name: string, attributes: readonly Attribute[], ...inputs: tf.TensorInfo[]): tf.Tensor =>
  backend().executeSingleOutput(name, attributes, inputs);

/** The same for an operation with several outputs. */
export const executeMany = (
  name: string,
  attributes: readonly Attribute[],
  inputs: readonly tf.TensorInfo[],
  outputs: number,
): tf.Tensor[] => backend().executeMultipleOutputs(name, attributes, inputs, outputs);

type Inputs = Record<string, tf.Tensor>;
type Attributes = Record<string, number | string | boolean | readonly number[]>;

export interface KernelDefinition<I extends Inputs, A extends Attributes> {
  readonly name: string;
  readonly forward: (inputs: I, attributes: A) => tf.Tensor | tf.Tensor[];
  readonly saveInputs?: readonly (keyof I & string)[];
  readonly saveOutputs?: readonly boolean[];
  /**
   * One thunk an input: tfjs calls those alone whose gradient is asked for. `saved` holds the saved inputs, then the saved
   * outputs.
   */
  readonly gradient: (
    dy: tf.Tensor | tf.Tensor[],
    saved: tf.Tensor[],
    attributes: A,
  ) => { readonly [K in keyof I]: () => tf.Tensor };
}

/**
 * Registers an operation of ours with tfjs, forward and gradient, and returns the function that runs it. Registered as a
 * kernel, not by `customGrad`, because a kernel's gradient computes each input's part on demand.
 */
export const defineKernel = <I extends Inputs, A extends Attributes>(
  definition: KernelDefinition<I, A>,
): ((inputs: I, attributes: A) => tf.Tensor[]) => {
  const kernelName = `Ciard${definition.name}`;
  tf.registerKernel({
    kernelName,
    backendName: 'tensorflow',
    kernelFunc: ({ inputs, attrs }) => definition.forward(inputs as unknown as I, attrs as unknown as A),
  });
  tf.registerGradient({
    kernelName,
    inputsToSave: [...(definition.saveInputs ?? [])],
    outputsToSave: [...(definition.saveOutputs ?? [])],
    gradFunc: (dy, saved, attrs) => definition.gradient(dy, saved, attrs as unknown as A),
  });
  return (inputs, attributes) => {
    const result: tf.Tensor | tf.Tensor[] = tf.engine().runKernel(kernelName, inputs, attributes);
    return Array.isArray(result) ? result : [result];
  };
};
