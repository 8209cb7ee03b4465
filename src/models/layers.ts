import type { Activation } from '../engine/activation.js';
import type { Padding } from '../engine/convolution.js';

export interface ConvolutionLayer {
  readonly kernel: number;
  readonly stride?: number;
  readonly padding?: Padding;
  readonly bias?: boolean;
}

/**
 * The layers that networks are written in. A network is a function from an image to logits over any kind of value `V`:
 * run on shapes it declares its variables (`declare.ts`), run on tensors it computes (`forward.ts`). So a network is
 * written once, and its variables, its training pass, its evaluation pass and its summary can't disagree.
 *
 * Names are those of PyTorch's modules: `convolution('layer1.0.conv1', …)` has the weight 'layer1.0.conv1.weight'.
 */
export interface Layers<V> {
  /** A convolution to `channels` channels. */
  convolution(name: string, x: V, channels: number, options: ConvolutionLayer): V;
  /** A convolution of each channel by itself. */
  depthwiseConvolution(name: string, x: V, options: ConvolutionLayer): V;
  batchNorm(name: string, x: V): V;
  activation(kind: Activation, x: V): V;
  add(a: V, b: V): V;
  /** Every `stride`-th pixel of every `stride`-th row. */
  subsample(x: V, stride: number): V;
  /** Zero channels put around the channels of `x`. */
  padChannels(x: V, before: number, after: number): V;
  globalAveragePool(x: V): V;
  /** All values of an image in PyTorch's order: channel, row, column. */
  flatten(x: V): V;
  linear(name: string, x: V, outputs: number): V;
  /** Variables that a published network carries and never computes with: stored and counted, no more. */
  unused(body: (layers: Layers<V>) => void): void;
  channelsOf(x: V): number;
}

/** How weights are drawn at first. */
export type Initialisation =
  /** PyTorch's default: uniform in ± 1/√(inputs of a unit), weights and biases. */
  | 'uniform'
  /** He et al., 2015: normal with variance 2 / (kernel area · output channels); linear biases zero. */
  | 'he-fan-out'
  /** He et al., 2015: normal with variance 2 / (kernel area · input channels); biases as PyTorch's default. */
  | 'he-fan-in';

/** What a network family gives: the function, and what is drawn for its weights. */
export interface Architecture {
  readonly name: string;
  readonly description: string;
  readonly initialisation: Initialisation;
  readonly body: <V>(layers: Layers<V>, image: V, options: { readonly classes: number; readonly scaled: Scale }) => V;
}

/** A number of channels times the width multiplier. */
export type Scale = (channels: number) => number;
