/**
 * The library: what notebooks and programs import, as 'ciard'. Rooms that few need (the engine's graph writer, the pickle
 * reader, the kernel) are imported by their path, './src/…', and only from inside the project.
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
export {
  datasetIdentity,
  datasetInfo,
  datasetNames,
  loadDataset,
  loadPart,
  type DatasetIdentity,
  type DatasetName,
} from './data/datasets.js';
export { createImageSet } from './data/image-set.js';
export type { ImageSet } from './data/records.js';
export { holdOut, takeBalanced } from './data/splits.js';
export { syntheticPattern } from './data/synthetic.js';

// Networks and checkpoints
export { families } from './models/catalogue.js';
export { createNetwork, type Network, type Normalisation, type WeightedNetwork } from './models/network.js';
export { loadCheckpoint, loadNetwork, saveCheckpoint } from './checkpoints/checkpoint.js';
export { exportTorch } from './checkpoints/export-torch.js';
export { importTorch } from './checkpoints/import-torch.js';
export { restoreNetwork } from './checkpoints/network-checkpoint.js';

// Attacks and evaluation
export { carliniWagnerLoss, crossEntropyLoss, margin, type LogitLoss } from './attacks/attack-losses.js';
export { createTarget, type Attack, type Target } from './attacks/attack.js';
export { autoAttack } from './attacks/auto-attack.js';
export { attackColumn, attackEntries, createAttack, resolveAttack, type AttackSpec } from './attacks/catalogue.js';
export { cwLinf, fgsm, pgd, pgdSat, pgdTrades } from './attacks/pgd.js';
export { signStep } from './attacks/sign-step.js';
export { defaultEpsilon, projectLinf } from './attacks/threat-model.js';
export { accuracyOf, type Accuracy } from './evaluation/accuracy.js';
export { evaluate, type AttackOutcome, type Evaluation } from './evaluation/evaluate.js';
export { spreadIndices } from './evaluation/image-indices.js';
export { wilsonInterval } from './evaluation/interval.js';

// Methods and training
export { findMethod, methods } from './methods/catalogue.js';
export { ciard, ciardCode } from './methods/ciard.js';
export * as losses from './methods/losses.js';
export { defineMethod, type Method, type Objective, type StepContext } from './methods/method.js';
export { pushLoss } from './methods/push-loss.js';
export { resolveRecipe, type Recipe, type RecipeChanges } from './methods/recipe.js';
export { train, type TrainingRun } from './training/train.js';

// Experiments and results
export { verdicts, type ClaimVerdict } from './experiments/claims.js';
export { coordinatesFigure, courseFigure, settingFigure, trainingFigure } from './experiments/figures.js';
export { defineGrid, type Grid, type GridSetting, type Variant } from './experiments/grid.js';
export { findGrid } from './experiments/grids.js';
export { grids } from './experiments/paper-grids.js';
export type { ResultRow } from './experiments/results.js';
export type { ScaleName } from './experiments/scale-names.js';
export { scales, type Scale } from './experiments/scale.js';
export { settingOf } from './experiments/setting.js';
export { readCellRecord, type CellRecord } from './results/cell-record.js';
export { differenceOf } from './statistics/difference.js';
export { recordedTable, table, type RecordedTable, type TableRequest, type TableRun } from './kernel/notebook-table.js';
export { notebookSetting, type NotebookSetting } from './kernel/notebook-setting.js';
export { trainLive, type LiveTrainingRun } from './kernel/notebook-training.js';

// Figures
export { ablationFigure, type AblationSeries } from './figures/ablation.js';
export { attackAccuracyFigure, type AttackedNetwork } from './figures/attack-accuracy.js';
export { cleanRobustFigure, paretoFront, type CleanRobustPoint } from './figures/clean-robust.js';
export { comparedCurvesFigure, type CurveGroup } from './figures/compared-curves.js';
export { confusionFigure, countConfusions } from './figures/confusion-matrix.js';
export { epsilonCurveFigure, type EpsilonSeries } from './figures/epsilon-curve.js';
export type { Figure } from './figures/figure.js';
export { liveTrainingCurves } from './figures/live-training.js';
export { parallelCoordinatesFigure, type CoordinateLine } from './figures/parallel-coordinates.js';
export { renderSvg } from './figures/render-svg.js';
export { trainingCurvesFigure } from './figures/training-curves.js';

// What notebooks show
export {
  clearOutput,
  display,
  displaySymbol,
  html,
  markdown,
  mime,
  png,
  svg,
  updateDisplay,
  type Display,
  type Displayable,
  type MimeBundle,
} from './kernel/display.js';
export { notebookProgress } from './kernel/notebook-progress.js';
export { attackedImages } from './views/attacked-images.js';
export { classSamples } from './views/class-samples.js';
export { evaluationTable, measuredAttacks } from './views/evaluation-table.js';
export { imageGrid, type AttackedImage } from './views/image-grid.js';
export { modelSummary } from './views/model-summary.js';
export { cellRecordsTable } from './views/cell-records.js';
export { claimsTable } from './views/claims.js';
export { findings } from './views/findings.js';

// Around
export { InterruptedError, UserError } from './errors.js';
export { interruptSignal } from './interruption.js';
export type { Progress, ProgressEvent } from './progress.js';
export { createRng, type Rng } from './random.js';
