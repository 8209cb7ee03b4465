import { shapeText } from './state-dict.js';
import type { DType, StateDict, StoredTensor } from './state-dict.js';

/** A tensor that a network has, in PyTorch's shape. */
export interface ExpectedTensor {
  readonly name: string;
  readonly shape: readonly number[];
}

/** How a file's tensors and a network's fit. Each list is in the order of the network, or of the file for `surplus`. */
export interface StateDictMatch {
  /** The tensors that fit, in the network's order. */
  readonly matched: StateDict;
  readonly missing: readonly ExpectedTensor[];
  readonly surplus: readonly ExpectedTensor[];
  readonly misshaped: readonly {
    readonly name: string;
    readonly expected: readonly number[];
    readonly given: readonly number[];
  }[];
  /** Tensors that hold whole numbers where weights are wanted. */
  readonly mistyped: readonly { readonly name: string; readonly dtype: DType }[];
  /** Batch norm's counters of batches: PyTorch keeps them, and no network of ours computes with them. */
  readonly ignored: readonly string[];
}

const isCounter = (name: string): boolean => name === 'num_batches_tracked' || name.endsWith('.num_batches_tracked');

const isFloat = ({ dtype }: StoredTensor): boolean => ['float32', 'float16', 'bfloat16', 'float64'].includes(dtype);

/** Compares the tensors of a file with those that a network has, by name, shape and kind of number. */
export const matchStateDict = (expected: readonly ExpectedTensor[], given: StateDict): StateDictMatch => {
  const matched = new Map<string, StoredTensor>();
  const missing: ExpectedTensor[] = [];
  const misshaped: StateDictMatch['misshaped'][number][] = [];
  const mistyped: StateDictMatch['mistyped'][number][] = [];
  for (const { name, shape } of expected) {
    const tensor = given.get(name);
    if (!tensor) missing.push({ name, shape });
    else if (shapeText(tensor.shape) !== shapeText(shape))
      misshaped.push({ name, expected: shape, given: tensor.shape });
    else if (!isFloat(tensor)) mistyped.push({ name, dtype: tensor.dtype });
    else matched.set(name, tensor);
  }
  const names = new Set(expected.map(({ name }) => name));
  const others = [...given].filter(([name]) => !names.has(name));
  return {
    matched,
    missing,
    surplus: others.filter(([name]) => !isCounter(name)).map(([name, { shape }]) => ({ name, shape })),
    misshaped,
    mistyped,
    ignored: others.map(([name]) => name).filter(isCounter),
  };
};

/** Whether every tensor of the network is there, and nothing else. */
export const isExactMatch = ({ missing, surplus, misshaped, mistyped }: StateDictMatch): boolean =>
  missing.length + surplus.length + misshaped.length + mistyped.length === 0;

/** All that does not fit, a tensor a line. */
export const mismatchLines = ({ missing, surplus, misshaped, mistyped }: StateDictMatch): string[] => {
  const list = (heading: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : [`  ${heading} (${lines.length}):`, ...lines.map((line) => `    ${line}`)];
  return [
    ...list(
      'missing',
      missing.map(({ name, shape }) => `${name} ${shapeText(shape)}`),
    ),
    ...list(
      'surplus',
      surplus.map(({ name, shape }) => `${name} ${shapeText(shape)}`),
    ),
    ...list(
      'mis-shaped',
      misshaped.map(({ name, expected, given }) => `${name} ${shapeText(given)}, wanted ${shapeText(expected)}`),
    ),
    ...list(
      'not floating-point',
      mistyped.map(({ name, dtype }) => `${name} ${dtype}`),
    ),
  ];
};
