import { basename, extname, resolve } from 'node:path';
import { checkWritable } from '../atomic-write.js';
import { UserError } from '../errors.js';
import { loadCheckpoint } from './checkpoint.js';
import { metadataOfInfo } from './checkpoint-format.js';
import type { CheckpointInfo } from './checkpoint-format.js';
import { isComplete, matchStateDict, mismatchLines } from './match-state-dict.js';
import { expectedTensors, networkOfInfo } from './network-checkpoint.js';
import { writeSafetensors } from './safetensors.js';
import { float32Of, float32Tensor } from './state-dict.js';
import type { StateDict, StoredTensor } from './state-dict.js';

export interface ExportReport {
  readonly info: CheckpointInfo;
  readonly out: string;
  /** The state dict as written. */
  readonly tensors: StateDict;
  /** Tensors of the checkpoint that are not the network's, such as an optimiser's: not exported. */
  readonly leftOut: readonly string[];
}

const varianceSuffix = '.running_var';

/**
 * Writes a checkpoint as the state dict that PyTorch's network of the same structure takes with
 * `load_state_dict(strict=True)`: its names, order and layouts, and batch norm's counters of batches, which PyTorch lists
 * though it computes with them only where momentum is None. They are 0 unless the checkpoint knows better. The
 * normalisation is no part of a PyTorch state dict: it stays in the file's metadata.
 * @param out default: the checkpoint's name with the ending .torch.safetensors, in the working folder
 * @throws UserError where the checkpoint can't be read or lacks a tensor that its network computes with, or `out` can't be
 *   written
 */
export const exportTorch = async (path: string, { out }: { out?: string | undefined } = {}): Promise<ExportReport> => {
  const target = out ?? `${basename(path, extname(path))}.torch.safetensors`;
  if (resolve(target) === resolve(path))
    throw new UserError(`${target} is the checkpoint itself. Name another file with --out.`);
  await checkWritable(target);
  const { info, tensors } = await loadCheckpoint(path);
  const network = networkOfInfo(info);
  const match = matchStateDict(expectedTensors(network), tensors);
  if (!isComplete(match))
    throw new UserError(
      [
        `${path} does not hold the ${info.architecture} that it says it does:`,
        ...mismatchLines({ ...match, surplus: [] }),
      ].join('\n'),
    );

  const exported = new Map<string, StoredTensor>();
  for (const [name, tensor] of match.matched) {
    exported.set(name, float32Tensor(tensor.shape, float32Of(tensor)));
    if (!name.endsWith(varianceSuffix)) continue;
    const counter = `${name.slice(0, -varianceSuffix.length)}.num_batches_tracked`;
    exported.set(counter, tensors.get(counter) ?? { dtype: 'int64', shape: [], data: BigInt64Array.of(0n) });
  }
  await writeSafetensors(target, exported, metadataOfInfo(info));
  return { info, out: target, tensors: exported, leftOut: match.surplus.map(({ name }) => name) };
};
