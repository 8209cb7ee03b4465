/**
 * What a checkpoint of this project is: a safetensors file with PyTorch's names and layout, whose metadata holds, under
 * the key `ciard`, a JSON of what the weights are. The JSON lies in the same file because one rename then replaces both:
 * weights beside a JSON of another epoch can't happen. Any reader of safetensors, PyTorch's included, reads the weights.
 * Nothing here needs Node.
 */
import { z } from 'zod';
import { UserError } from '../errors.js';
import { decodeSafetensors } from './safetensors-format.js';
import type { StateDict } from './state-dict.js';

const positive = z.number().positive();
const count = z.number().int().nonnegative();
// The order of the fields is that of the file's bytes, which records know by their hash: it stays.
const infoSchema = z
  .looseObject({
    /** The network's name, as `ciard models` lists it. */
    architecture: z.string().min(1),
    /** The width multiplier of its channels; 1 where absent. */
    width: positive.optional(),
    classes: count.min(1),
    /** Rows and columns of the images; 32 where absent. */
    imageSize: count.min(1).optional(),
    /** The data set that it was trained on. */
    dataset: z.string().optional(),
    /** Normalisation by R, G, B: the network sees (x − mean) / std of x in [0, 1]. Both or none. */
    mean: z.tuple([z.number(), z.number(), z.number()]).readonly().optional(),
    std: z.tuple([positive, positive, positive]).readonly().optional(),
    /** The training method and its settings, for a checkpoint that was trained here. */
    method: z.string().optional(),
    seed: z.number().optional(),
    /** Epochs done. */
    epoch: count.optional(),
    /** The file that it was imported from. */
    source: z.object({ file: z.string(), sha256: z.string() }).readonly().optional(),
    recipe: z.unknown().optional(),
  })
  .readonly()
  .refine(({ mean, std }) => (mean === undefined) === (std === undefined), {
    error: 'mean and std: both are wanted, or none',
  });

/** What the weights of a checkpoint are. Fields beyond these are kept as they are. */
export type CheckpointInfo = z.infer<typeof infoSchema>;

export interface Checkpoint {
  readonly info: CheckpointInfo;
  readonly tensors: StateDict;
}

/** The metadata key under which the JSON lies. */
const key = 'ciard';

const checked = (info: unknown, name: string): CheckpointInfo => {
  const result = infoSchema.safeParse(info);
  if (!result.success)
    throw new UserError(
      `What ${name} says of its network can't be used: ${z.prettifyError(result.error).replaceAll('\n', ' ')}`,
    );
  return result.data;
};

/** `info` as safetensors metadata. @throws UserError where it lacks a field or has a wrong one */
export const metadataOfInfo = (info: CheckpointInfo): Record<string, string> => ({
  format: 'pt', // what PyTorch's own tools write and expect
  [key]: JSON.stringify(checked(info, 'the checkpoint')),
});

/** The checkpoint in the bytes of a file, in a browser too. @throws UserError as `loadCheckpoint` does */
export const decodeCheckpoint = (bytes: Uint8Array, name = 'the checkpoint'): Checkpoint => {
  const { tensors, metadata } = decodeSafetensors(bytes, name);
  const json = metadata[key];
  if (json === undefined)
    throw new UserError(
      `${name} holds weights and no word of what network they are. Import it: npx ciard import-torch ${name} --arch NAME`,
    );
  let info: unknown;
  try {
    info = JSON.parse(json);
  } catch {
    throw new UserError(`What ${name} says of its network is not JSON. Write or import the checkpoint anew.`);
  }
  return { info: checked(info, name), tensors };
};
