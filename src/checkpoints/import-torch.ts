import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { basename, extname, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { UserError } from '../errors.js';
import { createNetwork } from '../models/network.js';
import type { Network, Normalisation } from '../models/network.js';
import { saveCheckpoint } from './checkpoint.js';
import { isExactMatch, matchStateDict, mismatchLines } from './match-state-dict.js';
import type { StateDictMatch } from './match-state-dict.js';
import { expectedTensors, infoOfNetwork } from './network-checkpoint.js';
import { float32Of, float32Tensor } from './state-dict.js';
import type { StateDict } from './state-dict.js';
import { readTorchFile } from './torch.js';
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
  /** Where in the file the state dict lies; by default it is looked for. */
  readonly key?: string | undefined;
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

const mismatch = (report: ImportReport, allowSurplus: boolean): MismatchError => {
  const { file, network, match } = report;
  const { architecture, classes, width, variables } = network;
  const hint = otherClasses(network, match);
  const wide = width === 1 ? '' : ` and width ${width}`;
  return new MismatchError(
    [
      `${file} does not fit ${architecture} with ${classes} classes${wide} (${match.matched.size} of its ${variables.length} tensors fit):`,
      ...mismatchLines(allowSurplus ? { ...match, surplus: [] } : match),
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
 * authors used. Nothing is written unless every tensor of the network is there, in its shape and finite.
 * @throws UserError where the file can't be read (see `readTorchFile`) or the network is not known
 * @throws MismatchError (a UserError) where its tensors are not the network's; it names all that are missing, surplus or mis-shaped
 */
export const importTorch = async (
  file: string,
  { architecture, classes, width, imageSize, normalisation, dataset, key, allowSurplus = false, out }: ImportOptions,
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

  const { format, path, tensors } = await readTorchFile(file, { key });
  const match = matchStateDict(expectedTensors(network), tensors);
  const report: ImportReport = { file, format, path, network, match, out: target };
  if (!isExactMatch(allowSurplus ? { ...match, surplus: [] } : match)) throw mismatch(report, allowSurplus);
  const bad = notFinite(match.matched);
  if (bad.length > 0)
    throw new UserError(
      `${file} is damaged, or its training failed: values are not finite in ${bad.join(', ')}. Get it again.`,
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
