/** One of the two streams of a process, as Jupyter names them. */
export type StreamName = 'stdout' | 'stderr';

/** What is sent at once, in characters. */
const pieceLength = 2 ** 20;

const { queueMicrotask, TextDecoder } = globalThis;

/**
 * Hands what the process writes to its standard streams to `send`, at once: what a child process writes next comes after it.
 * What native code and children write goes into the streams themselves, which the front reads.
 */
export const captureStreams = (send: (name: StreamName, text: string) => void): void => {
  for (const stream of ['stdout', 'stderr'] as const) {
    const decoder = new TextDecoder();
    process[stream].write = (
      chunk: string | Uint8Array,
      encoding?: BufferEncoding | ((error?: Error | null) => void),
      done?: (error?: Error | null) => void,
    ): boolean => {
      const text = typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
      for (let at = 0; at < text.length;) {
        // Not between the halves of a character.
        const last = text.charCodeAt(at + pieceLength - 1);
        const end = at + pieceLength - (last >= 0xd800 && last < 0xdc00 ? 1 : 0);
        send(stream, text.slice(at, end));
        at = end;
      }
      const callback = typeof encoding === 'function' ? encoding : done;
      if (callback) queueMicrotask(callback);
      return true;
    };
  }
};
