import { shapeText } from './state-dict.js';
import type { DType, StateDict, StoredTensor } from './state-dict.js';

/** A tensor that a network has, in PyTorch's shape. */
export interface ExpectedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** The network carries it and never computes with it: a file may lack all of these. */
  readonly unused?: boolean;
}

/** A tensor of a file. */
export interface GivenTensor {
  readonly name: string;
  readonly shape: readonly number[];
}

/** How a file's tensors and a network's fit. Each list is in the order of the network, or of the file for `surplus`. */
export interface StateDictMatch {
  /** The tensors that fit, in the network's order. */
  readonly matched: StateDict;
  readonly missing: readonly GivenTensor[];
  readonly surplus: readonly GivenTensor[];
  readonly misshaped: readonly {
    readonly name: string;
    readonly expected: readonly number[];
    readonly given: readonly number[];
  }[];
  /** Tensors that hold whole numbers where weights are wanted. */
  readonly mistyped: readonly { readonly name: string; readonly dtype: DType }[];
  /** Batch norm's counters of batches: PyTorch keeps them, and no network of ours computes with them. */
  readonly ignored: readonly string[];
  /** Tensors that the network never computes with, where the file has none of them. */
  readonly spared: readonly string[];
}

const isCounter = (name: string): boolean => name === 'num_batches_tracked' || name.endsWith('.num_batches_tracked');

const isFloat = ({ dtype }: StoredTensor): boolean => ['float32', 'float16', 'bfloat16', 'float64'].includes(dtype);

/** Compares the tensors of a file with those that a network has, by name, shape and kind of number. */
export const matchStateDict = (expected: readonly ExpectedTensor[], given: StateDict): StateDictMatch => {
  const matched = new Map<string, StoredTensor>();
  const missing: GivenTensor[] = [];
  const misshaped: StateDictMatch['misshaped'][number][] = [];
  const mistyped: StateDictMatch['mistyped'][number][] = [];
  const unused = expected.filter((tensor) => tensor.unused === true).map(({ name }) => name);
  const spared = unused.some((name) => given.has(name)) ? [] : unused;
  const wanted = spared.length === 0 ? expected : expected.filter((tensor) => tensor.unused !== true);
  for (const { name, shape } of wanted) {
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
    spared,
  };
};

/** Whether every tensor that the network computes with is there as it should be. */
export const isComplete = ({ missing, misshaped, mistyped }: StateDictMatch): boolean =>
  missing.length + misshaped.length + mistyped.length === 0;

/** Whether every tensor of the network is there, and nothing else. */
export const isExactMatch = (match: StateDictMatch): boolean => isComplete(match) && match.surplus.length === 0;

/** Parts of a prefix, at most: a damaged file may have names of any length. */
const mostWrappers = 8;

/**
 * What stands before the network's own names in a file: the prefix with which most of them are found, with its last dot,
 * as wrappers of a network make it ('1.', 'module.basic_net.'). '' where none finds more than the names as they are.
 */
export const findPrefix = (expected: readonly ExpectedTensor[], given: Iterable<string>): string => {
  const names = new Set(expected.map(({ name }) => name));
  const found = new Map([['', 0]]);
  for (const name of given) {
    for (let level = 0, at = 0; level === 0 || (at > 0 && level <= mostWrappers); level++) {
      if (names.has(name.slice(at))) found.set(name.slice(0, at), (found.get(name.slice(0, at)) ?? 0) + 1);
      at = name.indexOf('.', at) + 1;
    }
  }
  return [...found].reduce((best, one) => (one[1] > best[1] ? one : best))[0];
};

/** Lines of one list, at most. */
const mostLines = 5;

/** What does not fit, a tensor a line; of long lists the beginning and how many more there are. */
export const mismatchLines = ({ missing, surplus, misshaped, mistyped }: StateDictMatch): string[] => {
  const list = (heading: string, lines: readonly string[]): string[] => {
    if (lines.length === 0) return [];
    // To leave out a single line would take one too.
    const shown = lines.length > mostLines + 1 ? mostLines : lines.length;
    return [
      `  ${heading} (${lines.length}):`,
      ...lines.slice(0, shown).map((line) => `    ${line}`),
      ...(shown < lines.length ? [`    … and ${lines.length - shown} more`] : []),
    ];
  };
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
