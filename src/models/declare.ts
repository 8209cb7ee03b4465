import { UserError } from '../errors.js';
import type { Architecture, ConvolutionLayer, Layers, Scale } from './layers.js';

export type VariableKind = 'convolution' | 'depthwise' | 'linear' | 'vector';

/** One entry of a network's state_dict. */
export interface VariableSpec {
  /** PyTorch's name: 'layer1.0.conv1.weight'. */
  readonly name: string;
  readonly kind: VariableKind;
  readonly role: 'weight' | 'bias' | 'norm-weight' | 'norm-bias' | 'running-mean' | 'running-variance';
  /** PyTorch's shape: a convolution [out, in, kernel, kernel], a linear layer [out, in]. */
  readonly torchShape: readonly number[];
  /** The shape in memory here: a convolution [kernel, kernel, in, out], a linear layer [in, out]. */
  readonly shape: readonly number[];
  /** Inputs of a unit, for the initialisation. */
  readonly fanIn: number;
  /** Whether the network computes with it. */
  readonly used: boolean;
}

/** One line of a network's summary. */
export interface LayerSummary {
  readonly name: string;
  readonly operation: string;
  /** Without the batch: [height, width, channels] or [values]. */
  readonly outputShape: readonly number[];
  readonly parameters: number;
  /** Multiplications with addition for one image. */
  readonly multiplyAdds: number;
}

export interface Declaration {
  readonly variables: readonly VariableSpec[];
  readonly layers: readonly LayerSummary[];
  /** Batch norms by name, each with the convolution that it can be folded into, if there is one: it alone takes its output. */
  readonly norms: readonly { readonly name: string; readonly convolution?: string }[];
}

interface Value {
  readonly shape: readonly number[];
  /** The convolution that this is the output of. */
  readonly convolution?: string;
}

const outputSize = (size: number, { kernel, stride = 1, padding = 0 }: ConvolutionLayer): number =>
  padding === 'same' ? Math.ceil(size / stride) : Math.floor((size + 2 * padding - kernel) / stride) + 1;

/** Runs a network on shapes: what variables it has, what each layer makes. */
export const declare = (
  architecture: Architecture,
  { classes, scaled, imageSize }: { classes: number; scaled: Scale; imageSize: number },
): Declaration => {
  const variables: VariableSpec[] = [];
  const layers: LayerSummary[] = [];
  const norms: { name: string; convolution?: string }[] = [];
  // Convolutions whose output is used otherwise than by a batch norm, or that have a bias.
  const plain = new Set<string>();
  const names = new Set<string>();

  const create = (used: boolean): Layers<Value> => {
    const addVariable = (
      layer: string,
      suffix: string,
      spec: Pick<VariableSpec, 'kind' | 'role' | 'torchShape' | 'shape' | 'fanIn'>,
    ): number => {
      const name = `${layer}.${suffix}`;
      if (names.has(name)) throw new Error(`${architecture.name}: two variables are named ${name}`);
      names.add(name);
      variables.push({ name, used, ...spec });
      return spec.shape.reduce((product, size) => product * size, 1);
    };
    const vector = (layer: string, suffix: string, role: VariableSpec['role'], size: number, fanIn: number): number =>
      addVariable(layer, suffix, { kind: 'vector', role, torchShape: [size], shape: [size], fanIn });
    const addLayer = (summary: LayerSummary): void => {
      if (used) layers.push(summary);
    };
    const use = (x: Value): readonly number[] => {
      if (x.convolution !== undefined) plain.add(x.convolution);
      return x.shape;
    };
    const image = (x: Value): [number, number, number] => {
      const shape = use(x);
      if (shape.length !== 3)
        throw new Error(`${architecture.name}: an image is wanted, but the value is [${shape.join()}]`);
      return shape as [number, number, number];
    };
    const convolve = (
      operation: string,
      name: string,
      x: Value,
      channels: number,
      options: ConvolutionLayer,
      depthwise: boolean,
    ): Value => {
      const [height, width, inputs] = image(x);
      const { kernel, bias = false } = options;
      const outputShape = [outputSize(height, options), outputSize(width, options), channels] as const;
      if (outputShape[0] < 1 || outputShape[1] < 1) {
        throw new UserError(
          `${architecture.name}: an image of ${imageSize} × ${imageSize} is too small for it (${name} has no output).`,
        );
      }
      const fanIn = kernel * kernel * (depthwise ? 1 : inputs);
      let parameters = addVariable(name, 'weight', {
        kind: depthwise ? 'depthwise' : 'convolution',
        role: 'weight',
        torchShape: depthwise ? [channels, 1, kernel, kernel] : [channels, inputs, kernel, kernel],
        shape: depthwise ? [kernel, kernel, channels, 1] : [kernel, kernel, inputs, channels],
        fanIn,
      });
      if (bias) {
        parameters += vector(name, 'bias', 'bias', channels, fanIn);
        plain.add(name);
      }
      addLayer({
        name,
        operation,
        outputShape,
        parameters,
        multiplyAdds: outputShape[0] * outputShape[1] * channels * fanIn,
      });
      return { shape: outputShape, ...(bias ? {} : { convolution: name }) };
    };

    return {
      convolution: (name, x, channels, options) =>
        convolve(
          `${options.kernel}×${options.kernel} convolution${(options.stride ?? 1) > 1 ? `, stride ${options.stride}` : ''}`,
          name,
          x,
          channels,
          options,
          false,
        ),
      depthwiseConvolution: (name, x, options) =>
        convolve(
          `${options.kernel}×${options.kernel} depthwise${(options.stride ?? 1) > 1 ? `, stride ${options.stride}` : ''}`,
          name,
          x,
          x.shape[2]!,
          options,
          true,
        ),
      batchNorm(name, x) {
        const channels = x.shape[x.shape.length - 1]!;
        if (used) norms.push({ name, ...(x.convolution === undefined ? {} : { convolution: x.convolution }) });
        const parameters =
          vector(name, 'weight', 'norm-weight', channels, channels) +
          vector(name, 'bias', 'norm-bias', channels, channels);
        vector(name, 'running_mean', 'running-mean', channels, channels);
        vector(name, 'running_var', 'running-variance', channels, channels);
        addLayer({ name, operation: 'batch norm', outputShape: x.shape, parameters, multiplyAdds: 0 });
        return { shape: x.shape };
      },
      activation: (_kind, x) => ({ shape: use(x) }),
      add(a, b) {
        const [left, right] = [use(a), use(b)];
        if (left.join() !== right.join()) {
          throw new Error(`${architecture.name}: [${left.join()}] and [${right.join()}] can't be added`);
        }
        return { shape: left };
      },
      subsample(x, stride) {
        const [height, width, channels] = image(x);
        return { shape: [Math.ceil(height / stride), Math.ceil(width / stride), channels] };
      },
      padChannels(x, before, after) {
        const [height, width, channels] = image(x);
        return { shape: [height, width, before + channels + after] };
      },
      globalAveragePool: (x) => ({ shape: [image(x)[2]] }),
      flatten: (x) => ({ shape: [image(x).reduce((product, size) => product * size, 1)] }),
      linear(name, x, outputs) {
        const inputs = use(x)[0]!;
        const parameters =
          addVariable(name, 'weight', {
            kind: 'linear',
            role: 'weight',
            torchShape: [outputs, inputs],
            shape: [inputs, outputs],
            fanIn: inputs,
          }) + vector(name, 'bias', 'bias', outputs, inputs);
        addLayer({ name, operation: 'linear', outputShape: [outputs], parameters, multiplyAdds: inputs * outputs });
        return { shape: [outputs] };
      },
      unused(body) {
        body(create(false));
      },
      channelsOf: (x) => x.shape[x.shape.length - 1]!,
    };
  };

  const logits = architecture.body(create(true), { shape: [imageSize, imageSize, 3] }, { classes, scaled });
  if (logits.shape.length !== 1 || logits.shape[0] !== classes) {
    throw new Error(`${architecture.name}: its output is [${logits.shape.join()}], but ${classes} logits are wanted`);
  }
  const foldable = norms.map(({ name, convolution }) =>
    convolution === undefined || plain.has(convolution) ? { name } : { name, convolution },
  );
  return { variables, layers, norms: foldable };
};
