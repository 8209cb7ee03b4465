import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import type { ImportReport } from '../checkpoints/import-torch.js';
import { UserError } from '../errors.js';
import type { Normalisation } from '../models/network.js';

type Triple = readonly [number, number, number];

interface Flags {
  readonly arch: string;
  readonly classes: number;
  readonly width: number;
  readonly imageSize: number;
  readonly mean?: Triple;
  readonly std?: Triple;
  readonly data?: string;
  readonly key?: string;
  readonly prefix?: string;
  readonly allowSurplus?: boolean;
  readonly out?: string;
  readonly json?: boolean;
}

const triple = (text: string): Triple => {
  const values = text.split(',').map((part) => (part.trim() === '' ? NaN : Number(part)));
  if (values.length !== 3 || !values.every(Number.isFinite))
    throw new InvalidArgumentError('Wanted are three numbers: R,G,B.');
  if (values.some((value) => value < 0 || value > 1))
    throw new InvalidArgumentError('Images are in [0, 1] here: divide values for 0 … 255 by 255.');
  return values as unknown as Triple;
};

const spread = (text: string): Triple => {
  const values = triple(text);
  if (values.includes(0)) throw new InvalidArgumentError('A standard deviation is above 0.');
  return values;
};

const positive = (text: string): number => {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError('Wanted is a number above 0.');
  return value;
};

const count = (text: string): number => {
  const value = positive(text);
  if (!Number.isInteger(value)) throw new InvalidArgumentError('Wanted is a whole number.');
  return value;
};

/** The report as a record for machines. */
const record = (
  { file, format, path, network, match, outside, normalisationInFile, out }: ImportReport,
  written: boolean,
) => ({
  file,
  format,
  key: path.join('.') || null,
  architecture: network.architecture,
  classes: network.classes,
  width: network.width,
  imageSize: network.imageSize,
  mean: network.normalisation?.mean ?? null,
  std: network.normalisation?.std ?? null,
  parameters: network.parameters,
  tensors: network.variables.length,
  matched: match.matched.size,
  missing: match.missing,
  surplus: match.surplus,
  misshaped: match.misshaped,
  mistyped: match.mistyped,
  ignored: match.ignored,
  spared: match.spared,
  outside,
  normalisationInFile: normalisationInFile ?? null,
  out: written ? out : null,
});

const forms = { zip: 'a file of torch.save', legacy: 'a legacy file of torch.save', safetensors: 'safetensors' };

const someOf = (names: readonly string[]): string =>
  names.length > 8 ? `${names.slice(0, 8).join(', ')} and ${names.length - 8} more` : names.join(', ');

const summary = (
  { file, format, path, network, match, outside, normalisationInFile, out }: ImportReport,
  flagsOf: (normalisation: Normalisation) => string,
): string[] => {
  const parts = [...new Set(match.spared.map((name) => name.replace(/\..*/, '')))];
  const passedOver = [...match.surplus.map(({ name }) => name), ...outside];
  return [
    `${file}: ${forms[format]}${path.length ? `, state dict under '${path.join('.')}'` : ''}`,
    `${network.architecture}, ${network.classes} classes${network.width === 1 ? '' : `, width ${network.width}`}: ` +
      `${network.parameters.toLocaleString('en')} parameters, all ${match.matched.size} tensors found` +
      (match.ignored.length ? ` (${match.ignored.length} counters of batches ignored)` : ''),
    ...(match.spared.length ? [`not in the file, and never computed with: ${parts.join(', ')}`] : []),
    ...(passedOver.length ? [`passed over: ${someOf(passedOver)}`] : []),
    network.normalisation
      ? `normalisation: mean ${network.normalisation.mean.join(', ')}; std ${network.normalisation.std.join(', ')}`
      : normalisationInFile
        ? `normalisation: none, but ${normalisationInFile.names.join(' and ')} in the file seem to be one: ${flagsOf(normalisationInFile)}`
        : 'normalisation: none (give --mean and --std if it was trained on normalised images)',
    `written: ${out}`,
  ];
};

export const add = (program: Command): void => {
  program
    .command('import-torch')
    .description(
      'read a PyTorch checkpoint (.pt, .pth, .th, .safetensors) and write it as a checkpoint of ours; runs nothing of the file',
    )
    .argument('<file>', 'the checkpoint')
    .requiredOption('--arch <name>', 'the network that it is of ("ciard models" lists them)')
    .option('--classes <n>', 'its number of classes', count, 10)
    .option('--width <factor>', 'its width multiplier', positive, 1)
    .addOption(new Option('--image-size <n>', 'rows and columns of its images').argParser(count).default(32))
    .option('--mean <R,G,B>', 'the mean that its authors subtract from images in [0, 1]', triple)
    .option('--std <R,G,B>', 'the standard deviation that they divide by', spread)
    .option('--data <name>', 'the data set that it was trained on')
    .option(
      '--key <path>',
      'where in the file the state dict lies: model.state_dict, or models.0 (default: it is looked for)',
    )
    .option('--prefix <text>', "what stands before the network's names in the file: basic_net., or 1.")
    .option('--allow-surplus', 'pass over tensors that the network does not have')
    .option('--out <file>', 'default: the name of the file, ending in .safetensors, in the working folder')
    .option('--json', 'print the report as JSON')
    .action(async (file: string, { arch, mean, std, data, json = false, ...options }: Flags) => {
      if ((mean === undefined) !== (std === undefined))
        throw new UserError(
          `--${mean ? 'mean' : 'std'} is given without --${mean ? 'std' : 'mean'}. Both are wanted, or none.`,
        );
      const [{ importTorch, MismatchError, normalisationFlags }, { parseDatasetName }] = await Promise.all([
        import('../checkpoints/import-torch.js'),
        import('../data/datasets.js'),
      ]);
      const dataset = data === undefined ? undefined : parseDatasetName(data);
      const print = (report: ImportReport, written: boolean): void => {
        if (json) process.stdout.write(`${JSON.stringify(record(report, written), null, 2)}\n`);
        else if (written) process.stdout.write(`${summary(report, normalisationFlags).join('\n')}\n`);
      };
      try {
        const normalisation = mean && std ? { mean, std } : undefined;
        print(await importTorch(file, { ...options, architecture: arch, dataset, normalisation }), true);
      } catch (error) {
        if (error instanceof MismatchError) print(error.report, false);
        throw error;
      }
    });
};
