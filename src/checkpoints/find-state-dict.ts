/** Where in what a file holds a state dict lies. Programs keep it in dicts and lists of their own. */
import type { UserError } from '../errors.js';
import { isTorchTensor } from './torch-pickle.js';

/** Dict from the pickle, whose keys may be anything. */
type Dict = ReadonlyMap<unknown, unknown>;

export interface FoundStateDict {
  readonly dict: Dict;
  /** The keys that lead to it; empty where the file's own value is one. */
  readonly path: readonly string[];
}

/** The keys under which training programs keep a network's state dict, the likeliest first. */
const stateDictKeys = ['state_dict', 'model_state_dict', 'model', 'net'];

/** How deep a state dict is looked for. */
const mostLevels = 6;

/** How many state dicts, or keys, a message lists. */
const mostListed = 8;

const isDict = (value: unknown): value is Dict => value instanceof Map;

/** The tensors of a dict, if it is one. */
const tensorNames = (value: unknown): string[] =>
  isDict(value)
    ? [...value].flatMap(([name, inner]) => (typeof name === 'string' && isTorchTensor(inner) ? [name] : []))
    : [];

/** Names of modules' parameters have dots ('conv1.weight'); an optimiser's state and an accuracy don't. */
const isStateDict = (value: unknown): value is Dict => tensorNames(value).some((name) => name.includes('.'));

/** What a dict or a list holds, by the text that names it. */
const childrenOf = (value: unknown): [string, unknown][] => {
  if (Array.isArray(value)) return value.map((inner: unknown, i) => [String(i), inner]);
  if (!isDict(value)) return [];
  return [...value].flatMap(([name, inner]): [string, unknown][] =>
    typeof name === 'string' || typeof name === 'number' ? [[String(name), inner]] : [],
  );
};

/** All state dicts in `value`, the outer ones first. A pickle may make a value that contains itself. */
const stateDictsIn = (value: unknown): FoundStateDict[] => {
  const found: FoundStateDict[] = [];
  const seen = new Set<unknown>();
  let level: FoundStateDict['path'][] = [[]];
  let values: unknown[] = [value];
  for (let depth = 0; depth <= mostLevels && values.length > 0; depth++) {
    const nextPaths: FoundStateDict['path'][] = [];
    const next: unknown[] = [];
    values.forEach((inner, i) => {
      if (seen.has(inner)) return;
      seen.add(inner);
      if (isStateDict(inner)) found.push({ dict: inner, path: level[i]! });
      for (const [name, child] of childrenOf(inner)) {
        if (!isDict(child) && !Array.isArray(child)) continue;
        next.push(child);
        nextPaths.push([...level[i]!, name]);
      }
    });
    values = next;
    level = nextPaths;
  }
  return found;
};

/** What lies under `key`, a path whose parts are joined by dots and may hold dots themselves. */
const follow = (value: unknown, key: string): { value: unknown; path: string[] } | undefined => {
  for (const [name, inner] of childrenOf(value)) {
    if (name === key) return { value: inner, path: [name] };
    if (!key.startsWith(`${name}.`)) continue;
    const rest = follow(inner, key.slice(name.length + 1));
    if (rest) return { value: rest.value, path: [name, ...rest.path] };
  }
  return undefined;
};

const listed = (all: readonly string[]): string =>
  `${all.slice(0, mostListed).join(', ')}${all.length > mostListed ? ` and ${all.length - mostListed} more` : ''}`;

const describe = ({ dict, path }: FoundStateDict): string =>
  `'${path.join('.')}' (${tensorNames(dict).length} tensors)`;

const keysOf = (value: unknown): string => listed(childrenOf(value).map(([name]) => `'${name}'`)) || 'nothing';

/**
 * The state dict in what a file holds. Without `key` it is looked for under the usual names, then anywhere.
 * @param key its path: keys of dicts and places in lists (from 0), joined by dots, as this function's messages print them
 * @throws UserError (of `refuse`) where there is none, or several and it is not said which
 */
export const findStateDict = (
  value: unknown,
  key: string | undefined,
  refuse: (reason: string) => UserError,
): FoundStateDict => {
  if (!isDict(value) && stateDictsIn(value).length === 0)
    throw refuse('it holds neither a state dict nor a dict around one. In PyTorch: torch.save(model.state_dict(), …)');
  const named = key === undefined ? { value, path: [] } : follow(value, key);
  const inside = named
    ? stateDictsIn(named.value).map(({ dict, path }) => ({ dict, path: [...named.path, ...path] }))
    : [];
  const elsewhere = (): string => {
    const others = stateDictsIn(value).filter(({ path }) => path.length > 0);
    return others.length > 0 ? `It has state dicts under ${listed(others.map(describe))}` : `It has: ${keysOf(value)}`;
  };
  if (!named) throw refuse(`it has nothing under '${key!}'. ${elsewhere()}`);

  // A wrapper comes before a plain dict: beside 'state_dict' there may be tensors that are no weights, such as the best accuracy.
  let { value: at, path }: { value: unknown; path: string[] } = named;
  for (let depth = 0; depth < 3 && isDict(at); depth++) {
    const dict: Dict = at;
    const wrapper = stateDictKeys.find((name) => isDict(dict.get(name)));
    if (wrapper === undefined) break;
    path = [...path, wrapper];
    at = dict.get(wrapper);
  }
  if (isStateDict(at)) return { dict: at, path };
  if (inside.length === 1) return inside[0]!;
  if (inside.length > 1)
    throw refuse(
      `it has ${inside.length} state dicts: ${listed(inside.map(describe))}. Name one: --key ${inside[0]!.path.join('.')}`,
    );
  if (isDict(at) && tensorNames(at).length > 0) return { dict: at, path };
  throw refuse(
    key === undefined
      ? `it has no state dict: ${path.length > 0 ? `under '${path.join('.')}' ` : ''}there is ${keysOf(at)}`
      : `it has no state dict under '${key}'. ${elsewhere()}`,
  );
};
