import { existsSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { request as requestHttp, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { InterruptedError, messageOf, UserError } from '../errors.js';
import { interruptSignal } from '../interruption.js';
import { silentProgress, type Progress } from '../progress.js';
import { md5OfFile } from './md5.js';

export interface DownloadOptions {
  /** The MD5 that the file must have; without one, whatever arrives whole is taken. */
  readonly md5?: string;
  /** Attempts in a row that bring nothing before it gives up. */
  readonly attempts?: number;
  /** Milliseconds before the second attempt; each further pause is twice as long. */
  readonly pause?: number;
  /** Milliseconds without a byte after which a connection counts as broken. */
  readonly patience?: number;
  /** Bytes that must be free beside the download itself. */
  readonly reserve?: number;
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
}

/** What is remembered of a download that is under way: a later run continues it only where the file is still the same. */
const stateSchema = z.object({
  address: z.string(),
  /** The strong entity tag or the date of the file: what If-Range takes. */
  validator: z.string().optional(),
});

/** A failure that another attempt may mend. */
class Transient extends Error {
  override readonly name = 'Transient';
  constructor(
    message: string,
    /** Milliseconds after which the server wants to be asked again. */
    readonly after?: number,
  ) {
    super(message);
  }
}

const mostRedirects = 5;
const longestPause = 30_000;

/** One request, raw bytes: a `.tar.gz` that a server marks as gzip-encoded must arrive as it lies there. */
const request = async (
  address: string,
  headers: Record<string, string>,
  patience: number,
  signal: AbortSignal,
): Promise<IncomingMessage> => {
  if (!URL.canParse(address)) throw new UserError(`"${address}" is no address: wanted is http://… or https://….`);
  let url = new URL(address);
  for (let redirects = 0; ; redirects++) {
    if (url.protocol !== 'http:' && url.protocol !== 'https:') {
      throw new UserError(`${url.href}: wanted an http or https address`);
    }
    const send = url.protocol === 'https:' ? requestHttps : requestHttp;
    const current = url;
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const sent = send(current, { headers, signal }, resolve);
      sent.setTimeout(patience, () => sent.destroy(new Error(`nothing arrived for ${patience / 1000} s`)));
      sent.on('error', reject);
      sent.end();
    });
    const { statusCode = 0, headers: answered } = response;
    if (![301, 302, 303, 307, 308].includes(statusCode) || answered.location === undefined) return response;
    response.resume();
    if (redirects >= mostRedirects) throw new UserError(`${address}: more than ${mostRedirects} redirections`);
    const next = new URL(answered.location, url);
    if (url.protocol === 'https:' && next.protocol !== 'https:') {
      throw new UserError(`${address}: redirects from https to ${next.href}, which is not followed`);
    }
    url = next;
  }
};

const whole = (value: string | undefined): number | undefined =>
  value !== undefined && /^\d+$/.test(value) ? Number(value) : undefined;

/** The strong validator of an answer. A weak entity tag says nothing of single bytes. */
const validatorOf = ({ headers }: IncomingMessage): string | undefined =>
  headers.etag !== undefined && !headers.etag.startsWith('W/') ? headers.etag : headers['last-modified'];

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(2)} GB`;
const megabytes = (bytes: number): number => Math.ceil(bytes / 1e6);

/**
 * One attempt: asks for what is missing of `part` and appends it.
 * @returns Whether the file is whole, as far as the server says.
 */
const attempt = async (
  address: string,
  part: string,
  stateFile: string,
  {
    patience,
    reserve,
    progress,
    signal,
  }: Required<Pick<DownloadOptions, 'patience' | 'reserve' | 'progress' | 'signal'>>,
): Promise<void> => {
  const saved = stateSchema.safeParse(
    await readFile(stateFile, 'utf8')
      .then((text): unknown => JSON.parse(text))
      .catch(() => undefined),
  );
  const validator = saved.success && saved.data.address === address ? saved.data.validator : undefined;
  // Without a validator nobody can say whether the rest would belong to the beginning: then it starts again.
  let from = validator === undefined ? 0 : ((await stat(part).catch(() => undefined))?.size ?? 0);
  const headers: Record<string, string> = { 'accept-encoding': 'identity', 'user-agent': 'ciard' };
  if (from > 0 && validator !== undefined) {
    headers['range'] = `bytes=${from}-`;
    headers['if-range'] = validator;
  }
  const response = await request(address, headers, patience, signal);
  try {
    const { statusCode = 0 } = response;
    let total: number | undefined;
    if (statusCode === 206) {
      const [, start, size] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers['content-range'] ?? '') ?? [];
      if (start === undefined || Number(start) !== from) {
        await rm(part, { force: true });
        throw new Transient(
          `asked for the bytes from ${from}, was given '${response.headers['content-range'] ?? 'no range'}'`,
        );
      }
      total = whole(size);
    } else if (statusCode === 200) {
      // A server without ranges, or another file than before: from the beginning.
      from = 0;
      total = whole(response.headers['content-length']);
      const now = validatorOf(response);
      await writeFile(stateFile, JSON.stringify({ address, ...(now === undefined ? {} : { validator: now }) }));
    } else if (statusCode === 416) {
      const [, size] = /^bytes \*\/(\d+)$/.exec(response.headers['content-range'] ?? '') ?? [];
      if (whole(size) === from) return;
      await rm(part, { force: true });
      throw new Transient('the server has fewer bytes than are here; from the beginning');
    } else if (statusCode === 408 || statusCode === 429 || statusCode >= 500) {
      const seconds = whole(response.headers['retry-after']);
      throw new Transient(`the server answered ${statusCode}`, seconds === undefined ? undefined : seconds * 1000);
    } else {
      throw new UserError(
        `${address}: the server answered ${statusCode} ${response.statusMessage ?? ''}`.trim() +
          '. Name another address of the same file with --url, or get it another way and import it.',
      );
    }
    if (total !== undefined) {
      const { bavail, bsize } = await statfs(dirname(part));
      const needed = total - from + reserve;
      if (bavail * bsize < needed) {
        throw new UserError(
          `${dirname(part)}: ${gigabytes(bavail * bsize)} free, and ${basename(part, '.part')} needs ${gigabytes(needed)} more ` +
            '(the archive and its records). Free some space and run the same command again.',
        );
      }
    }
    const file = await open(part, from === 0 ? 'w' : 'r+');
    let at = from;
    const begun = performance.now();
    const report = (): void => {
      const speed = (at - from) / 1e6 / Math.max((performance.now() - begun) / 1000, 0.001);
      const end = total === undefined ? megabytes(at) + 1 : megabytes(total);
      progress({
        task: `fetch ${basename(part, '.part')} (MB)`,
        done: Math.min(megabytes(at), end - 1),
        total: end,
        detail: `${speed.toFixed(1)} MB/s`,
      });
    };
    try {
      response.setTimeout(patience, () => response.destroy(new Error(`nothing arrived for ${patience / 1000} s`)));
      for await (const chunk of response as AsyncIterable<Buffer>) {
        await file.write(chunk, 0, chunk.length, at);
        at += chunk.length;
        report();
      }
      if (total !== undefined && at < total) throw new Transient(`the connection ended at byte ${at} of ${total}`);
      if (total !== undefined && at > total) throw new Transient(`${at} bytes arrived, ${total} were announced`);
      await file.sync();
    } finally {
      await file.close();
    }
  } finally {
    response.destroy();
  }
};

/** Network failures that the next attempt may not meet. */
const isTransient = (error: unknown): boolean =>
  error instanceof Transient ||
  (error instanceof Error &&
    !(error instanceof UserError) &&
    !['ENOSPC', 'EACCES', 'EROFS', 'ENOENT', 'EDQUOT', 'EISDIR'].includes((error as NodeJS.ErrnoException).code ?? ''));

/**
 * Downloads one file to `target`. It is written to `target.part`, which a broken or interrupted download leaves behind
 * and the next run continues (Range and If-Range: only if the server's file is still the same); `target` appears when
 * the file is whole and has the wanted MD5.
 *
 * @param addresses Tried one after another.
 * @throws UserError where every address fails, naming each and its reason; where the MD5 is another one (the download is
 * removed); where space is short.
 * @throws InterruptedError; what has arrived stays.
 */
export const download = async (
  addresses: readonly string[],
  target: string,
  {
    md5,
    attempts = 5,
    pause = 500,
    patience = 30_000,
    reserve = 0,
    progress = silentProgress,
    signal = interruptSignal(),
  }: DownloadOptions = {},
): Promise<void> => {
  const part = `${target}.part`;
  const stateFile = `${target}.part.json`;
  await mkdir(dirname(target), { recursive: true });
  const sizeNow = async (): Promise<number> => (existsSync(part) ? (await stat(part)).size : 0);
  const forget = async (): Promise<void> => {
    await rm(part, { force: true });
    await rm(stateFile, { force: true });
  };
  const fetchFrom = async (address: string): Promise<void> => {
    for (let failed = 0; ;) {
      const before = await sizeNow();
      try {
        await attempt(address, part, stateFile, { patience, reserve, progress, signal });
        return;
      } catch (error) {
        if (signal.aborted) {
          throw new InterruptedError(`interrupted; the same command continues ${basename(target)} where it stopped`);
        }
        if (!isTransient(error)) throw error;
        failed = (await sizeNow()) > before ? 1 : failed + 1;
        if (failed >= attempts) throw new UserError(`${address}: ${messageOf(error)} (tried ${attempts} times)`);
        const wait = (error instanceof Transient ? error.after : undefined) ?? pause * 2 ** (failed - 1);
        await sleep(Math.min(wait, longestPause), undefined, { signal }).catch(() => undefined);
      }
    }
  };
  const reasons: string[] = [];
  for (const address of addresses) {
    for (let resumed = (await sizeNow()) > 0; ; resumed = false) {
      try {
        await fetchFrom(address);
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        reasons.push(error.message);
        break;
      }
      const found = md5 === undefined ? undefined : await md5OfFile(part);
      if (found === md5) {
        const size = megabytes(await sizeNow());
        progress({ task: `fetch ${basename(target)} (MB)`, done: size, total: size });
        await rename(part, target);
        await rm(stateFile, { force: true });
        return;
      }
      await forget();
      // Bytes of two different days may have met: once more, from the beginning.
      if (!resumed) {
        reasons.push(`${address}: the file there has MD5 ${found!}, wanted ${md5!}; it was removed`);
        break;
      }
    }
  }
  throw new UserError(reasons.join('\n'));
};
