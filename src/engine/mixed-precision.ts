import type { GraphWriter } from './graph.js';
import { attribute, attributeType, type Attribute, type DataType } from './kernels.js';
import type { Precision } from './precision.js';

/** A value that a node of a graph takes in. */
export interface NodeInput {
  readonly output: string;
  readonly dtype: DataType;
  readonly shape: readonly number[];
}

/** Writes the nodes of a function in some precision. What it names is what a node computed, in whichever type. */
export interface NodeWriter {
  /** Adds a node and returns its name. */
  node(operation: string, attributes: readonly Attribute[], inputs: readonly NodeInput[]): string;
  /** The output as what it is to those who know of one type of floating-point number. */
  float32(output: string): string;
}

/** TF_BFLOAT16 of TensorFlow's C interface. */
const bfloat16 = 14;
const typeAttribute = (name: string, value: number): Attribute => ({ name, type: attributeType.type, value });

/** Computed in bfloat16 always, as a product of many factors, whose sums oneDNN keeps in float32. */
const products = new Set(['Conv2D', 'Conv2DBackpropInput', 'Conv2DBackpropFilter', 'MatMul']);
/** Computed in the type of the input of this number: cheap, and a change of type would cost as much. */
const followed: Readonly<Record<string, number>> = {
  ...{ Relu: 0, ReluGrad: 1, BiasAdd: 0, Reshape: 0, Pad: 0, PadV2: 0, Identity: 0 },
  ...{ AvgPool: 0, AvgPoolGrad: 1, FusedBatchNormV3: 0, FusedBatchNormGradV3: 1 },
};
/** Computed in bfloat16 where all that they take in is: what has been added up in float32 stays so. */
const sums = new Set(['AddV2', 'AddN']);
/** Inputs that stay float32 beside others in bfloat16, from this number on: statistics and weights of a batch norm. */
const lasting: Readonly<Record<string, number>> = { FusedBatchNormV3: 1, FusedBatchNormGradV3: 2 };
/** Nodes of which the first output alone has the type of what they compute in. */
const severalOutputs = new Set(Object.keys(lasting));

/**
 * oneDNN's batch norm of bfloat16 is vectorised for multiples of 16 channels; others take a reference implementation, some
 * fifteen times slower than float32 (TensorFlow 2.21, AVX-512; gradient at 8 channels of 32 × 32, batch 64: 15 ms, 1 ms).
 */
const suitsBatchNorm = ({ shape }: NodeInput): boolean => shape.at(-1)! % 16 === 0;

/** A gradient of weights: it is added to others and to what an optimiser remembers, which is float32. */
const isWeightGradient = (operation: string, attributes: readonly Attribute[]): boolean =>
  operation === 'Conv2DBackpropFilter' ||
  (operation === 'MatMul' && attributes.some(({ name, value }) => name === 'transpose_a' && value === true));

const plainWriter = (graph: GraphWriter, scope: string): NodeWriter => ({
  node: (operation, attributes, inputs) =>
    graph.node(
      scope,
      operation,
      attributes,
      inputs.map(({ output }) => output),
    ),
  float32: (output) => output,
});

/**
 * Mixed precision: what the kernels of a function say of float32 is written with bfloat16 where that is quick and does no
 * harm. Beyond what PyTorch's autocast keeps in float32, the last layer stays so (tfjs computes it as a batched product), as
 * do depthwise convolutions, batch norms of channels that are no multiple of 16, Swish and affine normalisation. (Micikevicius
 * et al., "Mixed Precision Training", ICLR 2018; Kalamkar et al., "A Study of BFLOAT16 for Deep Learning Training", 2019. No
 * loss is scaled: bfloat16 has the exponents of float32.)
 */
const mixedWriter = (graph: GraphWriter, scope: string): NodeWriter => {
  /** The outputs that are bfloat16. */
  const low = new Set<string>();
  const casts = new Map<string, string>();
  const cast = (output: string, to: Precision): string => {
    if (low.has(output) === (to === 'bf16')) return output;
    const known = casts.get(output);
    if (known !== undefined) return known;
    const [from, into] = to === 'bf16' ? [1, bfloat16] : [bfloat16, 1];
    const node = graph.node(
      scope,
      'Cast',
      [typeAttribute('SrcT', from), typeAttribute('DstT', into), attribute.bool('Truncate', false)],
      [output],
    );
    casts.set(output, node);
    if (to === 'bf16') low.add(node);
    return node;
  };
  const isLow = (operation: string, inputs: readonly NodeInput[]): boolean => {
    if (products.has(operation)) return true;
    if (sums.has(operation)) return inputs.every(({ output }) => low.has(output));
    const leader = inputs[followed[operation] ?? -1];
    if (!leader || !low.has(leader.output)) return false;
    return !severalOutputs.has(operation) || suitsBatchNorm(leader);
  };
  return {
    node(operation, attributes, inputs) {
      const inLow = isLow(operation, inputs);
      const lastLow = lasting[operation] ?? Infinity;
      const node = graph.node(
        scope,
        operation,
        inLow ? attributes.map((each) => (each.name === 'T' ? typeAttribute('T', bfloat16) : each)) : attributes,
        inputs.map(({ output, dtype }, i) =>
          dtype === 'float32' ? cast(output, inLow && i < lastLow ? 'bf16' : 'float32') : output,
        ),
      );
      if (inLow) low.add(node);
      return inLow && isWeightGradient(operation, attributes) ? cast(node, 'float32') : node;
    },
    float32: (output) => cast(output, 'float32'),
  };
};

export const nodeWriter = (graph: GraphWriter, scope: string, precision: Precision): NodeWriter =>
  precision === 'bf16' ? mixedWriter(graph, scope) : plainWriter(graph, scope);
