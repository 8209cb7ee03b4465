import type { WeightedNetwork } from '../models/network.js';
import { decodeCheckpoint, metadataOfInfo } from './checkpoint-format.js';
import type { Checkpoint, CheckpointInfo } from './checkpoint-format.js';
import { readWhole, writeSafetensors } from './safetensors.js';
import { restoreNetwork } from './network-checkpoint.js';
import type { StateDict } from './state-dict.js';

export type { Checkpoint, CheckpointInfo } from './checkpoint-format.js';

/**
 * Writes a checkpoint, atomically: whoever reads `path` meanwhile, and whoever finds it after a crash, has the old
 * checkpoint or the new one, whole.
 * @throws UserError where `info` is incomplete or the file can't be written
 */
export const saveCheckpoint = async (path: string, info: CheckpointInfo, tensors: StateDict): Promise<void> =>
  writeSafetensors(path, tensors, metadataOfInfo(info));

/** Reads a checkpoint. @throws UserError where the file is absent, damaged, or not a checkpoint of this project */
export const loadCheckpoint = async (path: string): Promise<Checkpoint> =>
  decodeCheckpoint(await readWhole(path), path);

/**
 * The network in a checkpoint with its weights, and what the checkpoint says of them.
 * @returns weights that belong to the caller, to be disposed
 * @throws UserError as `loadCheckpoint` does, and where the file does not hold the network that it names
 */
export const loadNetwork = async (path: string): Promise<WeightedNetwork & { readonly info: CheckpointInfo }> => {
  const checkpoint = await loadCheckpoint(path);
  return { ...restoreNetwork(checkpoint, path), info: checkpoint.info };
};
