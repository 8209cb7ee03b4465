/**
 * What was run in this kernel, for front ends that let one step back through it. Nothing is kept beyond its life.
 *
 * @typedef {{
 *   readonly hist_access_type?: 'range' | 'tail' | 'search',
 *   readonly output?: boolean,
 *   readonly start?: number,
 *   readonly stop?: number,
 *   readonly n?: number | null,
 *   readonly pattern?: string,
 *   readonly unique?: boolean,
 * }} HistoryRequest `output`: whether results are wanted; `pattern`: with `*` and `?`.
 */

/** The number of this session; there is no other. */
const session = 1;

/** @param {string} glob */
const patternOf = (glob) =>
  new RegExp(
    `^${glob
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replace(/\*/g, '[^]*')
      .replace(/\?/g, '[^]')}$`,
  );

export const createHistory = () => {
  /** @type {{ line: number, source: string, result: string | null }[]} */
  const entries = [];
  return {
    /** @param {number} line @param {string} source */
    add(line, source) {
      entries.push({ line, source, result: null });
    },
    /** The text of what the last cell resulted in. @param {string} text */
    result(text) {
      const last = entries.at(-1);
      if (last) last.result = text;
    },
    /**
     * The entries that a history_request asks for: [session, line, source], or [session, line, [source, result]].
     * @param {HistoryRequest} request
     */
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
