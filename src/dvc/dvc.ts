import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { execa } from 'execa';
import { z } from 'zod';
import { writeAtomically } from '../atomic-write.js';
import { repositoryRoot } from '../data/location.js';
import { InterruptedError } from '../errors.js';
import { interruptSignal } from '../interruption.js';
import { DvcError, plain, translate } from './dvc-error.js';

export interface DvcOptions {
  /** The repository that it works on; this one by default. */
  readonly root?: string;
  /** The executable; that of the private environment (`.ciard/python`) by default. */
  readonly executable?: string;
  /** Where DVC keeps what it remembers of files that it hashed before. A fresh folder makes it hash everything anew. */
  readonly siteCache?: string;
  readonly signal?: AbortSignal;
  /** Is told of each line that DVC writes while it works, and of each state of its progress bars. */
  readonly say?: (line: string) => void;
}

/** The folder of everything that is private to this checkout; git ignores it. */
const home = (): string => join(repositoryRoot(), '.ciard');

/** DVC's executable in the private environment. */
export const dvcExecutable = (): string => join(home(), 'python', 'bin', 'dvc');

/** Whether `root` lies in a git repository. */
export const isInGit = (root: string): boolean => {
  for (let folder = resolve(root); ; folder = dirname(folder)) {
    if (existsSync(join(folder, '.git'))) return true;
    if (folder === dirname(folder)) return false;
  }
};

/**
 * The folder of DVC's settings for calls on `root`. A checkout without git, such as an unpacked ZIP of this repository, is
 * refused by DVC unless it is told to do without: here, and not in the repository's own settings, which git tracks.
 */
const settingsFor = async (root: string): Promise<string> => {
  if (isInGit(root)) return join(home(), 'dvc', 'global');
  const folder = join(home(), 'dvc', 'without-git');
  await mkdir(folder, { recursive: true });
  await writeAtomically(join(folder, 'config'), ['[core]\n    no_scm = true\n']);
  return folder;
};

/** The last call for each repository: DVC locks it, so the next call waits for its end. */
const queue = new Map<string, Promise<unknown>>();

/** How long a call that was asked to stop may take for it, in milliseconds: a stage saves where it stands. */
const patience = 60_000;

/**
 * A line as it is told: of a progress bar, what is counted and how far it is ('Pushing to local 3/10').
 * Bars that count nothing yet, or do not say what, are none.
 */
const lineOf = (text: string): string | undefined => {
  const line = plain(text).trim();
  const bar = /^(?:\d+%)?([^|]*)\|[^|]*\|(.*?)(\d+)\/(\d+|\?) \[/.exec(line);
  if (!bar) return line === '' || line === '!' || /\|\s*[\d.]+ \[/.test(line) ? undefined : line;
  const [, before, after, done, total] = bar;
  const label = `${before!} ${after!}`.trim();
  return label === '' || total === '?' ? undefined : `${label} ${done!}/${total!}`;
};

/** Tells `say` of whole lines, and of what is overwritten by a carriage return, as it comes in; of the same once. */
const lines = (say: (line: string) => void): ((chunk: string) => void) => {
  let rest = '';
  let last = '';
  return (chunk) => {
    const parts = (rest + chunk).split(/[\r\n]/);
    rest = parts.pop()!;
    for (const part of parts) {
      const line = lineOf(part);
      if (line === undefined || line === last) continue;
      say(line);
      last = line;
    }
  };
};

/**
 * Runs `dvc` with `args` and gives back its standard output. Calls on one repository run one after another. Nothing is
 * sent anywhere but to the remotes that a command names, and nothing is written to the user's home or to `/var`.
 *
 * @throws DvcError that says what failed and what to do: DVC is not set up, its lock is held, a file is missing or changed
 * @throws InterruptedError where `signal` aborts, after DVC and what it runs have ended
 */
export const dvc = async (args: readonly string[], options: DvcOptions = {}): Promise<string> => {
  const { root = repositoryRoot(), executable = dvcExecutable(), signal = interruptSignal(), say } = options;
  const { siteCache = join(home(), 'dvc', 'site') } = options;
  const name = `dvc ${args.join(' ')}`;
  const checkInterrupt = (): void => {
    if (signal.aborted) throw new InterruptedError(`${name} was interrupted`);
  };
  const call = async (): Promise<string> => {
    if (!existsSync(executable)) {
      throw new DvcError(
        `DVC is not set up (${executable} is missing): \`npm start\` or \`npm test\` sets it up`,
        'not set up',
      );
    }
    checkInterrupt();
    await mkdir(siteCache, { recursive: true });
    const child = execa(executable, args, {
      cwd: root,
      stdin: 'ignore',
      reject: false,
      // A group of its own: what DVC runs is stopped with it.
      detached: true,
      env: {
        DVC_NO_ANALYTICS: '1',
        DVC_STUDIO_OFFLINE: '1',
        DVC_SITE_CACHE_DIR: siteCache,
        // Settings of the machine or its user must not change what a repository's commands do.
        DVC_GLOBAL_CONFIG_DIR: await settingsFor(root),
        DVC_SYSTEM_CONFIG_DIR: join(home(), 'dvc', 'system'),
        DVC_PAGER: 'cat',
        NO_COLOR: '1',
        PYTHONWARNINGS: 'ignore',
        PYTHONUNBUFFERED: '1',
        // Bars are drawn for a terminal alone, unless it is told not to look.
        ...(say ? { DVC_IGNORE_ISATTY: '1' } : {}),
      },
    });
    const kill = (how: NodeJS.Signals): void => {
      try {
        process.kill(-child.pid!, how);
      } catch {
        // It has ended.
      }
    };
    let later: NodeJS.Timeout | undefined;
    const stop = (): void => {
      kill('SIGINT');
      later = setTimeout(kill, patience, 'SIGKILL');
    };
    signal.addEventListener('abort', stop, { once: true });
    if (say) for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', lines(say));
    try {
      const { failed, stdout, stderr, shortMessage } = await child;
      if (!failed) return stdout;
      // DVC may end before a command that it ran does.
      if (signal.aborted) kill('SIGKILL');
      checkInterrupt();
      throw translate(name, stderr.trim() || stdout.trim() || shortMessage!);
    } finally {
      clearTimeout(later);
      signal.removeEventListener('abort', stop);
    }
  };
  const place = resolve(root);
  const before = queue.get(place) ?? Promise.resolve();
  const result = before.then(call, call);
  queue.set(place, result);
  return result;
};

/** Runs a command with `--json` and reads its answer. */
const dvcJson = async <T>(schema: z.ZodType<T>, args: readonly string[], options: DvcOptions): Promise<T> => {
  const text = await dvc([...args, '--json'], options);
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    throw new Error(`dvc ${args.join(' ')} --json gave an answer that is not understood: ${text.slice(0, 200)}`, {
      cause: error,
    });
  }
};

const stageStatus = z.record(
  z.string(),
  z.array(z.union([z.string(), z.record(z.string(), z.union([z.string(), z.record(z.string(), z.unknown())]))])),
);

/** What has changed, stage by stage; empty where nothing has. */
export type DvcStatus = z.infer<typeof stageStatus>;

/** `dvc status`: stages whose dependencies or outputs are not what is recorded, or are not in the cache. */
export const dvcStatus = (targets: readonly string[] = [], options: DvcOptions = {}): Promise<DvcStatus> =>
  dvcJson(stageStatus, ['status', ...targets], options);

/** `dvc commit --force`: records what lies there now, hashes in the `.dvc` file and contents in the cache. */
export const dvcCommit = async (targets: readonly string[] = [], options: DvcOptions = {}): Promise<void> => {
  await dvc(['commit', '--force', ...targets], options);
};

export interface TransferOptions extends DvcOptions {
  readonly remote?: string;
}

const transfer =
  (command: 'pull' | 'push') =>
  async (targets: readonly string[] = [], { remote, ...options }: TransferOptions = {}): Promise<string> =>
    (await dvc([command, ...(remote === undefined ? [] : ['--remote', remote]), ...targets], options)).trim();

/** `dvc pull`: brings tracked files from the remote to their places. Gives back what DVC says it did. */
export const dvcPull = transfer('pull');

/** `dvc push`: stores the cache's files in the remote. Gives back what DVC says it did. */
export const dvcPush = transfer('push');
