import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { AttackSpec } from '../attacks/catalogue.js';
import { InterruptedError, UserError } from '../errors.js';

interface Flags {
  readonly model: string;
  readonly data: string;
  readonly attacks: string[];
  readonly epsilon: number;
  readonly limit?: number;
  readonly indices?: string;
  readonly surrogate?: string;
  readonly batch: number;
  readonly seed: number;
  readonly state?: string;
  readonly out?: string;
  readonly json: boolean;
}

/** A decimal or a quotient: '8/255', '.031'. */
const radius = (text: string): number => {
  const parts = text.split('/').map((part) => (part.trim() === '' ? NaN : Number(part)));
  const value = parts.length === 1 ? parts[0]! : parts.length === 2 ? parts[0]! / parts[1]! : NaN;
  if (!(value > 0 && value < 1)) {
    throw new InvalidArgumentError('Wanted is a radius above 0 and below 1, for images in [0, 1]: 8/255 or 0.031.');
  }
  return value;
};

const count = (text: string): number => {
  const value = Number(text);
  if (!(Number.isInteger(value) && value >= 1)) throw new InvalidArgumentError('Wanted is a whole number from 1.');
  return value;
};

const seed = (text: string): number => {
  const value = text.trim() === '' ? NaN : Number(text);
  if (!Number.isSafeInteger(value)) throw new InvalidArgumentError('Wanted is a whole number.');
  return value;
};

const names = (text: string): string[] => {
  const list = text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  if (list.length === 0) throw new InvalidArgumentError('Wanted are names, with commas between them: clean,pgd-sat.');
  return [...new Set(list)];
};

/** Files are written after minutes of work: what stands in their way is found out before. */
const checkTargets = async ({ model, surrogate, indices, state, out }: Flags): Promise<void> => {
  const { checkWritable } = await import('../atomic-write.js');
  const inputs = { '--model': model, '--surrogate': surrogate, '--indices': indices };
  const targets = { '--state': state, '--out': out };
  for (const [flag, file] of Object.entries(targets)) {
    if (file === undefined) continue;
    for (const [other, read] of Object.entries({ ...inputs, ...targets })) {
      if (other !== flag && read !== undefined && resolve(read) === resolve(file)) {
        throw new UserError(`${flag} and ${other} are both ${file}: it would be overwritten. Name another file.`);
      }
    }
    await checkWritable(file);
  }
};

/** A flag without effect is a mistake: who gave it believes that it has one. */
const checkFlags = (
  { limit, indices, surrogate, attacks }: Flags,
  isGiven: (flag: string) => boolean,
  transfers: boolean,
): void => {
  if (limit !== undefined && indices !== undefined) {
    throw new UserError('--limit and --indices are both given; one of them says which images are wanted.');
  }
  if (surrogate !== undefined && !transfers) {
    throw new UserError(
      `--surrogate ${surrogate} is given, but none of ${attacks.join(', ')} is made on another network: ask for bb-cw or ` +
        'bb-pgd-trades, or leave it out.',
    );
  }
  for (const flag of ['epsilon', 'seed']) {
    if (isGiven(flag) && attacks.every((name) => name === 'clean')) {
      throw new UserError(`--${flag} is given, but no attack is asked for that it would change. Leave it out.`);
    }
  }
};

/** The first bytes of a file; none where it can't be read as one. */
const beginningOf = (file: string): Uint8Array => {
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) return new Uint8Array();
  const start = new Uint8Array(16);
  const opened = openSync(file, 'r');
  try {
    return start.subarray(0, readSync(opened, start, 0, start.length, 0));
  } finally {
    closeSync(opened);
  }
};

/** Whether a file begins as those of `torch.save` do: a zip archive, or a pickle. */
const looksLikeTorch = (start: Uint8Array): boolean =>
  start[0] === 0x80 || String.fromCharCode(...start.subarray(0, 4)) === 'PK\x03\x04';

export const add = (program: Command): void => {
  program
    .command('evaluate')
    .description('accuracy of a checkpoint on clean images and under attacks')
    .requiredOption('--model <file>', 'the checkpoint ("import-torch" makes one of a PyTorch file)')
    .requiredOption('--data <name>', 'the data set, or a folder that holds one; its test images are taken')
    .addOption(
      new Option('--attacks <names>', 'with commas between them ("ciard attacks" lists them)')
        .argParser(names)
        .default(['clean', 'fgsm', 'pgd-sat', 'pgd-trades', 'cw'], 'clean,fgsm,pgd-sat,pgd-trades,cw'),
    )
    .addOption(
      new Option('--epsilon <radius>', 'of the L∞ ball, for images in [0, 1]')
        .argParser(radius)
        .default(8 / 255, '8/255'),
    )
    .option('--limit <n>', 'that many images, spread evenly over the set', count)
    .option('--indices <file>', 'the images at these positions of the sorted test records, one a line')
    .option('--surrogate <file>', 'the checkpoint on which the transfer attacks bb-… are made')
    .option('--batch <n>', 'images a batch; the outcome does not depend on it', count, 128)
    .option('--seed <n>', 'of the random starts', seed, 0)
    .option('--state <file>', 'keeps how far AutoAttack is; started again with it, an interrupted run goes on')
    .option('--out <file>', 'write everything that was found, image by image, with its provenance')
    .option('--json', 'print the same as JSON in place of the table', false)
    .action(async (flags: Flags, command: Command) => {
      const { createAttack, resolveAttack } = await import('../attacks/catalogue.js');
      // Names are looked up before anything is loaded.
      const specifications = flags.attacks.map((name) =>
        resolveAttack(name, name === 'clean' ? {} : { epsilon: flags.epsilon }),
      );
      const transfers = specifications.some((specification) => {
        if (specification.name === 'clean') return false;
        const attack = createAttack(specification);
        return 'transfers' in attack && attack.transfers;
      });
      checkFlags(flags, (flag) => command.getOptionValueSource(flag) === 'cli', transfers);
      await checkTargets(flags);
      await run(flags, specifications);
    });
};

const run = async (flags: Flags, specifications: readonly AttackSpec[]): Promise<void> => {
  const [{ readFile }, path] = await Promise.all([import('node:fs/promises'), import('node:path')]);
  const [{ looksLikeSafetensors }, { loadNetwork }, { writeAtomically }, { loadPart }] = await Promise.all([
    import('../checkpoints/safetensors-format.js'),
    import('../checkpoints/checkpoint.js'),
    import('../atomic-write.js'),
    import('../data/datasets.js'),
    import('../engine/backend.js'),
  ]);
  const [
    { evaluate },
    { parseIndices, spreadIndices },
    { evaluationReport, evaluationTable, otherDataset, outcomeLine, reportText },
    { textOfTable },
  ] = await Promise.all([
    import('../evaluation/evaluate.js'),
    import('../evaluation/image-indices.js'),
    import('../evaluation/report.js'),
    import('../tables/text.js'),
  ]);
  const [{ collectEnvironment }, { messageOf }, { sha256OfFile }, { terminalProgress }] = await Promise.all([
    import('../doctor/environment.js'),
    import('../errors.js'),
    import('../experiments/network-files.js'),
    import('../progress.js'),
  ]);

  const load = async (file: string) => {
    const start = beginningOf(file);
    // The header's length comes first in a safetensors file, and can begin with any byte.
    if (looksLikeTorch(start) && !looksLikeSafetensors(start)) {
      throw new UserError(`${file} is a PyTorch checkpoint. Import it: npx ciard import-torch ${file} --arch NAME`);
    }
    const restored = await loadNetwork(file);
    return { ...restored, file: path.basename(file), sha256: await sha256OfFile(file) };
  };
  const model = await load(flags.model);
  const surrogate = flags.surrogate === undefined ? undefined : await load(flags.surrogate);
  const set = await loadPart(flags.data, 'test');
  const indexText = async (file: string): Promise<string> => {
    try {
      return await readFile(file, 'utf8');
    } catch (error) {
      throw new UserError(
        `${file} can't be read: ${messageOf(error)}. Wanted is a text file of positions, one a line.`,
      );
    }
  };
  const indices =
    flags.indices !== undefined
      ? parseIndices(await indexText(flags.indices), set.length, flags.indices)
      : flags.limit !== undefined
        ? spreadIndices(set.length, flags.limit)
        : undefined;

  const warn = (message: string): void => {
    process.stderr.write(`warning: ${message}\n`);
  };
  const general = [model, ...(surrogate ? [surrogate] : [])].flatMap(({ file, info }) =>
    otherDataset(file, info.dataset, set.name),
  );
  general.forEach(warn);
  const running = evaluate({
    network: model.network,
    weights: model.weights,
    surrogate,
    set,
    indices,
    attacks: specifications,
    batchSize: flags.batch,
    seed: flags.seed,
    progress: terminalProgress(),
    stateFile: flags.state,
    onOutcome(name, outcome) {
      process.stderr.write(`${outcomeLine(name, outcome)}\n`);
    },
    warn,
  });
  const evaluation = await running.catch((error: unknown) => {
    if (!(error instanceof InterruptedError)) throw error;
    throw new InterruptedError(
      flags.state === undefined
        ? 'interrupted; nothing was kept (--state FILE keeps how far AutoAttack is)'
        : `interrupted; the same command goes on from ${flags.state}`,
    );
  });
  const { architecture, width } = model.network;
  const report = reportText(
    evaluationReport(
      {
        model: { file: model.file, sha256: model.sha256, architecture, width },
        specifications,
        surrogate: surrogate
          ? { file: surrogate.file, sha256: surrogate.sha256, architecture: surrogate.network.architecture }
          : null,
        data: { name: set.name, part: set.part, md5: set.md5 },
        epsilon: flags.epsilon,
        seed: flags.seed,
        batchSize: flags.batch,
        indices: indices ? Array.from(indices) : null,
      },
      evaluation,
      general.map((message) => ({ attack: null, message })),
      await collectEnvironment(),
    ),
  );
  // The file first: who reads the output has it.
  if (flags.out !== undefined) await writeAtomically(flags.out, [report]);
  process.stdout.write(flags.json ? report : `${textOfTable(evaluationTable(evaluation))}\n`);
};
