/**
 * The library: what notebooks and programs import. Rooms that few need (the engine's graph writer, the pickle reader, the
 * kernel) are imported by their path, './src/…'.
 *
 * The import loads TensorFlow. A page in a browser imports `./src/models/network.js` and
 * `./src/checkpoints/network-checkpoint.js` instead, which run on any backend of tfjs.
 */
import './engine/backend.js';

// Computing
export * as tf from '@tensorflow/tfjs-core';
export { compile } from './engine/compile.js';
export { detach, gradients, type Tensors } from './engine/gradient.js';
export { createProgram, type Program, type ProgramFunction } from './engine/program.js';
export { crossEntropy, crossEntropyWith, klDivergence, logSoftmax } from './engine/softmax.js';

// Data
export { epochBatches, gather, gatherAugmented, orderedBatches, type Batch } from './data/batches.js';
export { datasetInfo, datasetNames, loadDataset, loadPart, type DatasetName } from './data/datasets.js';
export type { ImageSet } from './data/records.js';
export { holdOut, takeBalanced } from './data/splits.js';

// Networks and checkpoints
export { families } from './models/catalogue.js';
export { createNetwork, type Network, type Normalisation, type WeightedNetwork } from './models/network.js';
export { loadCheckpoint, loadNetwork, saveCheckpoint } from './checkpoints/checkpoint.js';
export { importTorch } from './checkpoints/import-torch.js';
export { restoreNetwork } from './checkpoints/network-checkpoint.js';

// Attacks and evaluation
export { carliniWagnerLoss, crossEntropyLoss, margin, type LogitLoss } from './attacks/attack-losses.js';
export { createTarget, type Attack, type Target } from './attacks/attack.js';
export { attackEntries, createAttack } from './attacks/catalogue.js';
export { cwLinf, fgsm, pgd, pgdSat, pgdTrades } from './attacks/pgd.js';
export { signStep } from './attacks/sign-step.js';
export { defaultEpsilon, projectLinf } from './attacks/threat-model.js';
export { evaluate, type AttackOutcome, type Evaluation } from './evaluation/evaluate.js';
export { wilsonInterval } from './evaluation/interval.js';

// Methods and training
export { findMethod, methods } from './methods/catalogue.js';
export { ciard, ciardCode } from './methods/ciard.js';
export * as losses from './methods/losses.js';
export { defineMethod, type Method, type Objective, type StepContext } from './methods/method.js';
export { pushLoss } from './methods/push-loss.js';
export { resolveRecipe, type Recipe, type RecipeChanges } from './methods/recipe.js';
export { train, type TrainingRun } from './training/train.js';

// Results and figures
export { reproduce } from './reproduction/reproduce.js';
export { findPlan } from './reproduction/catalogue.js';
export { readRecord, type ResultRecord } from './results/record.js';
export { markdownTable } from './results/table.js';
export { cleanRobustFigure } from './figures/clean-robust.js';
export { renderSvg } from './figures/render-svg.js';

// Around
export { interruptSignal } from './interruption.js';
export { createRng, type Rng } from './random.js';
export { display } from './kernel/display.js';
