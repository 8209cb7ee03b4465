/** What was run in this session, for front ends that let one step back through it. Nothing is kept beyond the session. */
export interface History {
  readonly add: (line: number, source: string) => void;
  /** The text of what the last cell resulted in. */
  readonly result: (text: string) => void;
  /** The entries that a history_request asks for: [session, line, source], or [session, line, [source, result]]. */
  readonly find: (request: HistoryRequest) => unknown[][];
}

export interface HistoryRequest {
  readonly hist_access_type?: 'range' | 'tail' | 'search';
  /** Whether results are wanted. */
  readonly output?: boolean;
  readonly start?: number;
  readonly stop?: number;
  readonly n?: number | null;
  /** With `*` and `?`. */
  readonly pattern?: string;
  readonly unique?: boolean;
}

/** The number of this session; there is no other. */
const session = 1;

const patternOf = (glob: string): RegExp =>
  new RegExp(
    `^${glob
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replace(/\*/g, '[^]*')
      .replace(/\?/g, '[^]')}$`,
  );

export const createHistory = (): History => {
  const entries: { line: number; source: string; result: string | null }[] = [];
  return {
    add(line, source) {
      entries.push({ line, source, result: null });
    },
    result(text) {
      const last = entries.at(-1);
      if (last) last.result = text;
    },
    find({ hist_access_type: type, output = false, start = 0, stop, n, pattern = '*', unique = false }) {
      let found = entries;
      if (type === 'range') found = entries.filter(({ line }) => line >= start && line < (stop ?? Infinity));
      if (type === 'search') {
        const matching = patternOf(pattern);
        found = entries.filter(({ source }) => matching.test(source));
        if (unique) found = [...new Map(found.map((entry) => [entry.source, entry])).values()];
      }
      if (type !== 'range' && typeof n === 'number') found = n === 0 ? [] : found.slice(-n);
      return found.map(({ line, source, result }) => [session, line, output ? [source, result] : source]);
    },
  };
};
