import { readTorchFile } from '../../src/checkpoints/torch.js';
import type { StateDict } from '../../src/checkpoints/state-dict.js';

/** The state dict of a PyTorch checkpoint. */
export const readTorch = async (path: string): Promise<StateDict> => (await readTorchFile(path)).tensors;
