import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { targetOf, type Attack, type AttackContext, type Points, type Target } from '../attacks/attack.js';
import { writeAtomically } from '../atomic-write.js';
import { UserError } from '../errors.js';
import { HeldError, holdAlone, type Hold } from '../exclusive.js';
import { identityOfEvaluated, type Evaluated } from './evaluated.js';
import { subset } from './sequence.js';

/** Images a file. Processes that want the same images make a file each. */
const fileImages = 512;
/** Milliseconds between two looks at what another process makes. */
const interval = 500;

/** The adversarial images of a transfer attack. */
export interface TransferImages {
  /** The one of a point, [H, W, 3] as one array; only lent. */
  read(point: number): Promise<Float32Array>;
}

export interface TransferOptions extends Pick<AttackContext, 'rng' | 'batchSize' | 'progress' | 'pause' | 'warn'> {
  /** Made where it is missing. */
  readonly folder: string;
  /** The surrogate on these images. */
  readonly subject: Evaluated;
}

interface Part {
  readonly first: number;
  readonly count: number;
  readonly file: string;
}

/**
 * The adversarial images of `attack` on the surrogate, which do not depend on the network that they are tried on: they are
 * kept in files, made where they are missing, and serve every network that is evaluated on the same images with the same
 * seed. Several processes share the making; what one that was killed has finished is kept.
 *
 * @param surrogate the attack's target
 * @param points all that are evaluated, whoever is right about them
 */
export const transferImages = async (
  attack: Attack & { readonly key: string },
  surrogate: Target,
  points: Points,
  { folder, subject, rng, batchSize, progress, pause, warn }: TransferOptions,
): Promise<TransferImages> => {
  const pixels = surrogate.imageSize ** 2 * 3;
  const name = createHash('sha256')
    .update(JSON.stringify([attack.name, attack.key, identityOfEvaluated(subject)]))
    .digest('hex')
    .slice(0, 32);
  const own = join(folder, name);
  await mkdir(own, { recursive: true });
  const parts = Array.from({ length: Math.ceil(points.length / fileImages) }, (_, i): Part => {
    const first = i * fileImages;
    return { first, count: Math.min(fileImages, points.length - first), file: join(own, `${first}.f32`) };
  });

  const make = async ({ first, count, file }: Part): Promise<void> => {
    const images = new Float32Array(count * pixels);
    const numbers = Array.from({ length: count }, (_, i) => first + i);
    await attack.run(targetOf(attack, surrogate), subset(points, numbers), {
      rng,
      batchSize,
      report: (point, adversarial) => {
        images.set(adversarial, point * pixels);
      },
      finished: () => undefined,
      pause,
      progress: (event) => {
        progress({ ...event, done: first + event.done, total: points.length });
      },
      warn,
    });
    await writeAtomically(file, [new Uint8Array(images.buffer)]);
  };
  /** @returns whether the part is there now; not where another process makes it */
  const provide = async (part: Part): Promise<boolean> => {
    if (existsSync(part.file)) return true;
    let hold: Hold;
    try {
      hold = await holdAlone(`${part.file}.lock`, `the transfer images ${part.file}`);
    } catch (error) {
      if (error instanceof HeldError) return false;
      throw error;
    }
    try {
      if (!existsSync(part.file)) await make(part);
    } finally {
      await hold.release();
    }
    return true;
  };

  for (let missing = parts; missing.length > 0;) {
    const held: Part[] = [];
    for (const part of missing) if (!(await provide(part))) held.push(part);
    missing = held;
    if (missing.length > 0) await sleep(interval);
    await pause();
  }

  let open: { readonly part: Part; readonly images: Float32Array } | undefined;
  return {
    async read(point) {
      const part = parts[Math.floor(point / fileImages)]!;
      if (open?.part !== part) {
        const bytes = await readFile(part.file);
        if (bytes.length !== part.count * pixels * 4) {
          throw new UserError(
            `${part.file} has ${bytes.length} bytes, but ${part.count} images of ${pixels} numbers take ` +
              `${part.count * pixels * 4}: it is damaged. Remove it, and it is made again.`,
          );
        }
        open = { part, images: new Float32Array(new Uint8Array(bytes).buffer) };
      }
      return open.images.subarray((point - part.first) * pixels, (point - part.first + 1) * pixels);
    },
  };
};
