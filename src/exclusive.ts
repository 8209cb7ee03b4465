import { randomUUID } from 'node:crypto';
import { link, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { messageOf, UserError } from './errors.js';
import { isAlive, machine, nameOf } from './setup/process-name.mjs';
import { isAbandoned, markPattern, writerMark } from './writer.js';

/** Milliseconds between two signs of life of a holder. */
const heartbeat = 10_000;
/** After so many without one, a holder on another machine is given up: its process number means nothing here. */
const silence = 10 * 60_000;

const holdingSchema = z.object({
  token: z.string(),
  /** For people. */
  host: z.string(),
  since: z.string(),
  /** The space in which the process number means something: a boot of a machine, a container. */
  machine: z.string(),
  holder: z.object({ pid: z.number(), start: z.string() }),
});
type Holding = z.infer<typeof holdingSchema>;

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT';

/** What the lock file says; undefined where there is none, or none that can be read (which its age alone judges). */
const readHolding = async (file: string): Promise<Holding | undefined> => {
  try {
    return holdingSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch {
    return undefined;
  }
};

/** Milliseconds since the holder's last sign of life; undefined where the file is gone. */
const silentFor = async (file: string): Promise<number | undefined> => {
  try {
    return Date.now() - (await stat(file)).mtimeMs;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
};

/** Whether the holder is gone: certain where it ran here, by its silence where it ran elsewhere. */
const isGone = (holding: Holding | undefined, silent: number): boolean =>
  holding?.machine === machine() ? !isAlive(holding.holder) : silent > silence;

/** Where a lock is written before it takes its place, and lies while it is judged. */
const draftOf = (file: string): string => `${file}.${writerMark()}.tmp`;

/** Removes what processes that were killed while they took the lock have left beside it. */
const removeLeftovers = async (file: string): Promise<void> => {
  const pattern = new RegExp(`^(${markPattern})\\.tmp$`);
  for (const entry of await readdir(dirname(file))) {
    const name = entry.startsWith(`${basename(file)}.`) ? entry.slice(basename(file).length + 1) : '';
    const mark = pattern.exec(name)?.[1];
    const status = mark === undefined ? undefined : await stat(join(dirname(file), entry)).catch(() => undefined);
    if (mark !== undefined && status && isAbandoned(mark, status.mtimeMs)) {
      await rm(join(dirname(file), entry), { force: true });
    }
  }
};

/**
 * Takes an abandoned lock away. Two that come at once must not take away each other's new lock: the file is moved aside,
 * looked at, and put back if it is another one than was judged.
 */
const takeAway = async (file: string, judged: Holding | undefined): Promise<void> => {
  const aside = draftOf(file);
  try {
    await rename(file, aside);
  } catch (error) {
    if (isMissing(error)) return;
    throw error;
  }
  const holding = await readHolding(aside);
  // Where a third one has it by now, that one keeps it.
  if (holding?.token !== judged?.token) await link(aside, file).catch(() => undefined);
  await rm(aside, { force: true });
};

/** Thrown where another process holds what is asked for: waiting may help. */
export class HeldError extends UserError {}

const heldError = (file: string, what: string, holding: Holding | undefined, silent: number): HeldError => {
  const seconds = Math.round(silent / 1000);
  const who = holding
    ? `process ${holding.holder.pid} on ${holding.host}, since ${holding.since}`
    : `another process (${file} does not say which)`;
  const here = holding?.machine === machine();
  return new HeldError(
    `${what} is in use by ${who}. ` +
      (here
        ? 'Wait until it is done, or stop it.'
        : `Its last sign of life is ${seconds} seconds old; after ${silence / 60_000} minutes without one it counts as gone.`),
  );
};

/** What is held until it is released. */
export interface Hold {
  release(): Promise<void>;
}

/**
 * Holds `file`, a lock beside what one process at a time may work on. The lock of a process of this machine that has ended
 * is taken over; that of another machine after ten minutes without a sign of life.
 *
 * @param what is worked on, for the error: 'the run folder runs/a'
 * @throws HeldError that says who holds it
 */
export const holdAlone = async (file: string, what: string): Promise<Hold> => {
  const own: Holding = {
    token: randomUUID(),
    host: hostname(),
    since: new Date().toISOString(),
    machine: machine(),
    holder: nameOf(process.pid),
  };
  const draft = draftOf(file);
  try {
    await writeFile(draft, JSON.stringify(own), { flag: 'wx' });
  } catch (error) {
    throw new UserError(`${what} can't be written: ${messageOf(error)}.`);
  }
  try {
    for (;;) {
      try {
        await link(draft, file);
        break;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      const holding = await readHolding(file);
      const silent = await silentFor(file);
      if (silent === undefined) continue;
      if (!isGone(holding, silent)) throw heldError(file, what, holding, silent);
      await takeAway(file, holding);
    }
  } finally {
    await rm(draft, { force: true });
  }
  await removeLeftovers(file);
  const beat = setInterval(() => {
    const now = new Date();
    // Where someone removed the folder, what is written next will say so.
    utimes(file, now, now).catch(() => undefined);
  }, heartbeat);
  beat.unref();
  return {
    async release() {
      clearInterval(beat);
      if ((await readHolding(file))?.token === own.token) await rm(file, { force: true });
    },
  };
};
