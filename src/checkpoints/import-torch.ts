import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { basename, extname, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { checkWritable } from '../atomic-write.js';
import { UserError } from '../errors.js';
import { createNetwork } from '../models/network.js';
import type { Network, Normalisation } from '../models/network.js';
import { saveCheckpoint } from './checkpoint.js';
import { findPrefix, isComplete, isExactMatch, matchStateDict, mismatchLines } from './match-state-dict.js';
import type { StateDictMatch } from './match-state-dict.js';
import { expectedTensors, infoOfNetwork } from './network-checkpoint.js';
import { findNormalisation } from './normalisation-in-file.js';
import type { FoundNormalisation } from './normalisation-in-file.js';
import { float32Of, float32Tensor } from './state-dict.js';
import type { StateDict } from './state-dict.js';
import { readTorchFile, withoutWrappers } from './torch.js';
import type { TorchFile } from './torch.js';

export interface ImportOptions {
  /** The network's name, as `ciard models` lists it. */
  readonly architecture: string;
  /** Default 10. */
  readonly classes?: number | undefined;
  /** The width multiplier. Default 1. */
  readonly width?: number | undefined;
  /** Rows and columns of its images. Default 32. */
  readonly imageSize?: number | undefined;
  /** What its authors subtract and divide by, for images in [0, 1]. Default none. */
  readonly normalisation?: Normalisation | undefined;
  /** The data set that it was trained on, kept in the checkpoint. */
  readonly dataset?: string | undefined;
  /** Where in the file the state dict lies: the keys that lead to it, joined by dots; by default it is looked for. */
  readonly key?: string | undefined;
  /** What stands before the network's own names ('1.', 'basic_net.'). Tensors of other names are passed over. */
  readonly prefix?: string | undefined;
  /** Pass over tensors that the network doesn't have. */
  readonly allowSurplus?: boolean | undefined;
  /** Default: the file's name with the ending .safetensors, in the working folder. */
  readonly out?: string | undefined;
}

export interface ImportReport {
  readonly file: string;
  readonly format: TorchFile['format'];
  readonly path: readonly string[];
  readonly network: Network;
  readonly match: StateDictMatch;
  /** Tensors of the file whose names begin otherwise than with the given prefix. */
  readonly outside: readonly string[];
  /** What the file itself seems to normalise by, in tensors that are not the network's. */
  readonly normalisationInFile: FoundNormalisation | undefined;
  readonly out: string;
}

/** The file does not fit the network. `report` says how. */
export class MismatchError extends UserError {
  constructor(
    message: string,
    readonly report: ImportReport,
  ) {
    super(message);
  }
}

/** The number of classes by which the file differs from the network, if that is all that it differs by. */
const otherClasses = ({ classes }: Network, { missing, misshaped }: StateDictMatch): number | undefined => {
  const counts = new Set(misshaped.map(({ given }) => given[0]));
  const inRows = misshaped.every(
    ({ expected, given }) => expected[0] === classes && expected.slice(1).join() === given.slice(1).join(),
  );
  return missing.length === 0 && inRows && counts.size === 1 ? [...counts][0] : undefined;
};

/** The flags that give a normalisation. */
export const normalisationFlags = ({ mean, std }: Normalisation): string =>
  `--mean ${mean.join(',')} --std ${std.join(',')}`;

const mostNames = 5;
const someOf = (names: readonly string[]): string =>
  `${names.slice(0, mostNames).join(', ')}${names.length > mostNames ? ` and ${names.length - mostNames} more` : ''}`;

/** The tensors whose names begin with `prefix`, without it, and the names of the others. */
const behindPrefix = (tensors: StateDict, prefix: string): { inside: StateDict; outside: readonly string[] } => ({
  inside: new Map(
    [...tensors].flatMap(([name, tensor]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), tensor]] : [])),
  ),
  outside: [...tensors.keys()].filter((name) => !name.startsWith(prefix)),
});

/** `behindPrefix` of a prefix that was given: as in the file or without its wrappers, with its last dot or without. */
const behindGivenPrefix = (
  file: string,
  tensors: StateDict,
  given: string,
): { inside: StateDict; outside: readonly string[] } => {
  const dotted = given === '' || given.endsWith('.') ? given : `${given}.`;
  for (const prefix of [dotted, withoutWrappers(dotted)]) {
    const { inside, outside } = behindPrefix(tensors, prefix);
    if (inside.size > 0) return { inside, outside };
  }
  const beginnings = [...new Set([...tensors.keys()].map((name) => name.slice(0, name.indexOf('.') + 1)))];
  throw new UserError(
    `${file} has no tensor whose name begins with '${dotted}'. They begin with ${someOf(beginnings.map((one) => `'${one}'`))}.`,
  );
};

const mismatch = (report: ImportReport, tensors: StateDict): MismatchError => {
  const { file, network, match, normalisationInFile } = report;
  const { architecture, classes, width, variables, normalisation } = network;
  const expected = expectedTensors(network);
  const wide = width === 1 ? '' : ` and width ${width}`;
  const title = `${file} does not fit ${architecture} with ${classes} classes${wide}`;
  const fits = (of: StateDictMatch): string => `${of.matched.size} of its ${variables.length} tensors fit`;
  const flags = normalisationInFile && !normalisation ? [normalisationFlags(normalisationInFile)] : [];
  const normalises =
    flags.length > 0 ? `; ${normalisationInFile!.names.join(' and ')} seem to be its normalisation` : '';

  const prefix = findPrefix(expected, tensors.keys());
  if (prefix !== '') {
    const { inside, outside } = behindPrefix(tensors, prefix);
    const within = matchStateDict(expected, inside);
    return new MismatchError(
      [
        `${title}: names in it begin with '${prefix}'${outside.length > 0 ? ` (not ${someOf(outside)}${normalises})` : ''}.`,
        ...(isExactMatch(within) ? [] : [`Behind that, ${fits(within)}:`, ...mismatchLines(within)]),
        `Give that: ${[`--prefix ${prefix}`, ...flags].join(' ')}`,
      ].join('\n'),
      report,
    );
  }
  if (isComplete(match)) {
    const stages = new Set(expected.map(({ name }) => name.split('.')[0]));
    const deeper = match.surplus.some(({ name }) => name.includes('.') && stages.has(name.split('.')[0]));
    return new MismatchError(
      [
        `${file} has all that ${architecture} has, and more${normalises}:`,
        ...mismatchLines(match),
        deeper
          ? 'It seems to be of a deeper network: --arch ("ciard models" lists them).'
          : `To pass over what is more: ${[...flags, '--allow-surplus'].join(' ')}`,
      ].join('\n'),
      report,
    );
  }
  const hint = otherClasses(network, match);
  return new MismatchError(
    [
      `${title} (${fits(match)}):`,
      ...mismatchLines(match),
      hint === undefined
        ? 'Name the network that it is of: --arch, --classes, --width ("ciard models" lists them).'
        : `It has ${hint} classes: --classes ${hint}.`,
    ].join('\n'),
    report,
  );
};

/** The names of tensors that hold an infinity or what is not a number, with how many. */
const notFinite = (tensors: StateDict): string[] =>
  [...tensors].flatMap(([name, tensor]) => {
    const bad = float32Of(tensor).reduce((count, value) => count + (Number.isFinite(value) ? 0 : 1), 0);
    return bad === 0 ? [] : [`${name} (${bad})`];
  });

const sha256Of = async (path: string): Promise<string> => {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
};

/**
 * Reads a PyTorch checkpoint and writes it as a checkpoint of this project, in float32, with the normalisation that its
 * authors used. Nothing is written unless every tensor that the network computes with is there, in its shape and finite.
 * @throws UserError where the file can't be read (see `readTorchFile`), the network is not known, or `out` can't be written
 * @throws MismatchError (a UserError) where its tensors are not the network's: its message names some that are missing,
 *   surplus or mis-shaped and what to try, its report all of them
 */
export const importTorch = async (
  file: string,
  { architecture, classes, width, imageSize, normalisation, dataset, key, prefix, allowSurplus, out }: ImportOptions,
): Promise<ImportReport> => {
  const network = createNetwork(architecture, {
    ...(classes === undefined ? {} : { classes }),
    ...(width === undefined ? {} : { width }),
    ...(imageSize === undefined ? {} : { imageSize }),
    normalisation,
  });
  const target = out ?? `${basename(file, extname(file))}.safetensors`;
  if (resolve(target) === resolve(file))
    throw new UserError(`${target} is the file to import itself. Name another with --out.`);
  await checkWritable(target);

  const { format, path, tensors } = await readTorchFile(file, { key });
  const { inside, outside } =
    prefix === undefined ? { inside: tensors, outside: [] } : behindGivenPrefix(file, tensors, prefix);
  const match = matchStateDict(expectedTensors(network), inside);
  const normalisationInFile =
    findNormalisation(
      inside,
      match.surplus.map(({ name }) => name),
    ) ?? findNormalisation(tensors, outside);
  const report: ImportReport = { file, format, path, network, match, outside, normalisationInFile, out: target };
  const fits = allowSurplus === true ? isComplete(match) : isExactMatch(match);
  if (!fits) throw mismatch(report, inside);
  const bad = notFinite(match.matched);
  if (bad.length > 0)
    throw new UserError(
      `${file} is damaged, or its training failed: values are not finite in ${someOf(bad)}. Get it again.`,
    );

  const weights = new Map(
    [...match.matched].map(([name, tensor]) => [name, float32Tensor(tensor.shape, float32Of(tensor))]),
  );
  const source = { file: basename(file), sha256: await sha256Of(file) };
  await saveCheckpoint(
    target,
    { ...infoOfNetwork(network), ...(dataset === undefined ? {} : { dataset }), source },
    weights,
  );
  return report;
};
