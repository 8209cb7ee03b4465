/** One of the two streams of a process, as Jupyter names them. */
export type StreamName = 'stdout' | 'stderr';

export interface StreamOutput {
  /** Sends what was written so far: before anything else is sent, so that the order is kept. */
  flush(): void;
}

export interface StreamOptions {
  readonly send: (name: StreamName, text: string) => void;
  /** Whether what is written now is not to be seen. */
  readonly isMuted: () => boolean;
}

/** Text is sent in pieces of this size at most, and at the latest after this many milliseconds. */
const pieceLength = 2 ** 16;
const delay = 25;
/** What a cell that never lets go of the thread can write before the rest is dropped: a browser would not survive it. */
const longest = 2 ** 25;

/**
 * Sends what the process writes to its standard streams to `send`. Writes are gathered, so that a loop of prints is a few
 * messages, and never block.
 */
export const captureStreams = ({ send, isMuted }: StreamOptions): StreamOutput => {
  let name: StreamName = 'stdout';
  let pending: string[] = [];
  let length = 0;
  let sinceTurn = 0;
  let timer: NodeJS.Timeout | undefined;

  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (length === 0) return;
    const text = pending.join('');
    pending = [];
    length = 0;
    for (let at = 0; at < text.length;) {
      // Not between the halves of a character.
      const end = at + pieceLength - (/[\uD800-\uDBFF]/.test(text[at + pieceLength - 1] ?? '') ? 1 : 0);
      send(name, text.slice(at, end));
      at = end;
    }
  };

  const write = (to: StreamName, text: string): void => {
    if (text === '' || isMuted()) return;
    if (to !== name) flush();
    name = to;
    if (sinceTurn === 0) setImmediate(() => (sinceTurn = 0));
    sinceTurn += text.length;
    if (sinceTurn > longest) {
      if (sinceTurn - text.length > longest) return;
      text = '\n[output dropped: more than 32 million characters in one go]\n';
    }
    pending.push(text);
    length += text.length;
    if (length >= pieceLength) flush();
    else timer ??= setTimeout(flush, delay);
  };

  for (const stream of ['stdout', 'stderr'] as const) {
    const decoder = new TextDecoder();
    process[stream].write = (
      chunk: string | Uint8Array,
      encoding?: BufferEncoding | ((error?: Error | null) => void),
      done?: (error?: Error | null) => void,
    ): boolean => {
      write(stream, typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true }));
      const callback = typeof encoding === 'function' ? encoding : done;
      if (callback) queueMicrotask(callback);
      return true;
    };
  }
  return { flush };
};
