/**
 * The page's state: texts by name, kept in the address behind '#', so that a link opens what its sender saw. What is as it
 * is by default is not in it.
 */
export type PageValues = Readonly<Record<string, string>>;

export interface PageState {
  readonly values: PageValues;
  readonly get: (name: string, fallback?: string) => string;
  /** Changes values; an empty one goes back to the default. */
  readonly set: (changes: PageValues) => void;
  /** A value that is a list. */
  readonly list: (name: string) => readonly string[];
  readonly setList: (name: string, entries: readonly string[]) => void;
  /**
   * Those of `values` that are chosen: `fallback` until something else is, be it nothing, and where none of what was chosen
   * is among them any more.
   */
  readonly chosen: (name: string, values: readonly string[], fallback: readonly string[]) => readonly string[];
  readonly choose: (name: string, entries: readonly string[]) => void;
  /** A value that is one of these; another one, as an old link may have it, is `fallback`. */
  readonly oneOf: (name: string, values: readonly string[], fallback: string) => string;
}

export const parseHash = (hash: string): PageValues =>
  Object.fromEntries(new URLSearchParams(hash.replace(/^#/, '')).entries());

export const formatHash = (values: PageValues): string => {
  const present = Object.entries(values).filter(([, value]) => value !== '');
  const text = new URLSearchParams(present.sort(([a], [b]) => (a < b ? -1 : 1))).toString();
  return text === '' ? '' : `#${text}`;
};

/** No name, key or value of ours holds it. */
const separator = '~';

export const pageState = (values: PageValues, change: (values: PageValues) => void): PageState => {
  const get = (name: string, fallback = ''): string => values[name] ?? fallback;
  const set = (changes: PageValues): void => {
    const next = { ...values, ...changes };
    change(Object.fromEntries(Object.entries(next).filter(([, value]) => value !== '')));
  };
  const listOf = (text: string): string[] => text.split(separator).filter(Boolean);
  return {
    values,
    get,
    set,
    list: (name) => listOf(get(name)),
    setList: (name, entries) => {
      set({ [name]: entries.join(separator) });
    },
    chosen: (name, choices, fallback) => {
      const text = values[name];
      if (text === undefined) return fallback;
      const listed = listOf(text);
      const present = choices.filter((choice) => listed.includes(choice));
      return listed.length > 0 && present.length === 0 ? fallback : present;
    },
    choose: (name, entries) => {
      set({ [name]: entries.length === 0 ? separator : entries.join(separator) });
    },
    oneOf: (name, choices, fallback) => {
      const value = get(name);
      return choices.includes(value) ? value : fallback;
    },
  };
};
