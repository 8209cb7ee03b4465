import * as tf from '@tensorflow/tfjs-core';
import { infoOfNetwork, stateDictOfWeights } from '../checkpoints/network-checkpoint.js';
import { saveCheckpoint } from '../checkpoints/checkpoint.js';
import { epochBatches } from '../data/batches.js';
import { UserError } from '../errors.js';
import { rateAt } from '../methods/schedule.js';
import type { Network } from '../models/network.js';
import { percent } from '../percent.js';
import { writeRunMetrics } from './metrics.js';
import { bestFile, lastFile, teacherFile } from './run-folder.js';
import type { EpochRow, RunState, Validation } from './run-state.js';
import { epochContext, epochRng, pauseRun, saveRun, type Run } from './run.js';
import { prefixPhase } from './step-functions.js';
import { trainingStep } from './step.js';
import { collapses, validate } from './validation.js';

const ratesOf = ({ recipe, state }: Run): { student: number; robustTeacher: number } => {
  const at = { index: state.epoch, epochs: recipe.epochs };
  return {
    student: rateAt(recipe.optimiser.learningRate, at),
    robustTeacher: recipe.teacherOptimiser ? rateAt(recipe.teacherOptimiser.learningRate, at) : 0,
  };
};

/** The phase of the next step. */
const phaseOf = ({ method, recipe, batches, state }: Run): string => {
  const steps = recipe.epochs * batches;
  const progress = (state.epoch * batches + state.batch) / steps;
  if (progress < recipe.naturalPrefix) return prefixPhase;
  return method.phase?.({ progress, stepLength: 1 / steps, settings: recipe.settings }) ?? 'train';
};

const nanError = ({ state, batches, out }: Run, terms: Readonly<Record<string, number>>): UserError =>
  new UserError(
    `training stopped at epoch ${state.epoch + 1}, batch ${state.batch + 1} of ${batches}: the loss is no longer a number (` +
      `${Object.entries(terms)
        .map(([name, value]) => `${name} ${value}`)
        .join(', ')}). ` +
      (state.epoch > 0
        ? `The last good checkpoint is ${lastFile(out)} (epoch ${state.epoch}). `
        : 'There is no checkpoint yet. ') +
      'A smaller learning rate or another seed may help.',
  );

/** The state after one more step. */
const counted = (state: RunState, terms: Readonly<Record<string, number>>, retrained: boolean): RunState => {
  const sums = { ...state.sums };
  for (const [name, value] of Object.entries(terms)) {
    const { sum, count } = sums[name] ?? { sum: 0, count: 0 };
    sums[name] = { sum: sum + value, count: count + 1 };
  }
  return { ...state, batch: state.batch + 1, sums, retrained: state.retrained + Number(retrained) };
};

const meansOf = (sums: RunState['sums']): Record<string, number> =>
  Object.fromEntries(Object.entries(sums).map(([name, { sum, count }]) => [name, sum / count]));

const validationText = (history: readonly EpochRow[]): string => {
  const last = history.findLast(({ validation }) => validation)?.validation;
  return last ? ` · held out: clean ${percent(last.clean, 1)} %, PGD ${percent(last.robust, 1)} %` : '';
};

/** Tells how far the run is: `batches` done of the epoch `index`, whose mean loss so far is `loss`. */
const report = (run: Run, index: number, batches: number, loss: number): void => {
  run.progress({
    task: `train ${run.method.name}`,
    done: index * run.batches + batches,
    total: run.recipe.epochs * run.batches,
    detail: `epoch ${index + 1}/${run.recipe.epochs} · loss ${loss.toFixed(3)}${validationText(run.state.history)}`,
  });
};

/** Trains on the batches that are left of the epoch. */
const trainBatches = async (run: Run): Promise<void> => {
  const { method, recipe, program, set } = run;
  program.beginEpoch({ scalars: method.scalars?.(epochContext(run)) ?? {}, rates: ratesOf(run) });
  const rng = epochRng(run);
  const { batchSize, augment, dropLast } = recipe;
  const rest = { batchSize, augment, dropLast, rng, firstBatch: run.state.batch };
  for (const batch of epochBatches(set, run.train, rest)) {
    await pauseRun(run);
    const phase = phaseOf(run);
    const terms = trainingStep(program, { method, recipe, phase, batch, rng: rng.fork('start', run.state.batch) });
    if (!Object.values(terms).every(Number.isFinite)) throw nanError(run, terms);
    run.state = counted(run.state, terms, method.retrains?.includes(phase) ?? false);
    program.average(run.state.epoch * run.batches + run.state.batch);
    // The epoch's last batch is told of with what the validation finds.
    if (run.state.batch < run.batches) report(run, run.state.epoch, run.state.batch, meansOf(run.state.sums)['loss']!);
  }
};

/** The state after the epoch, of which `validation` was measured. */
const closed = (run: Run, validation: Validation | undefined): RunState => {
  const { method, recipe, batches, state } = run;
  const epoch = state.epoch + 1;
  const row: EpochRow = {
    epoch,
    learningRate: ratesOf(run).student,
    terms: meansOf(state.sums),
    ...(method.retrains ? { retrained: state.retrained / batches } : {}),
    ...(validation ? { validation } : {}),
  };
  const { robustWeight } = recipe.validation;
  // Without held-out images there is nothing to select by: the last epoch is the best.
  const score = validation ? (1 - robustWeight) * validation.clean + robustWeight * validation.robust : epoch;
  const comparable = validation !== undefined || run.validation.length === 0;
  // What the prefix trains is not the method's outcome.
  const inPrefix = epoch / recipe.epochs <= recipe.naturalPrefix;
  const isBest = comparable && !inPrefix && score > (state.best?.score ?? -1);
  return {
    ...state,
    epoch,
    batch: 0,
    sums: {},
    retrained: 0,
    history: [...state.history, row],
    ...(isBest ? { best: { epoch, score } } : {}),
  };
};

const saveNetwork = async (
  { program, identity }: Run,
  who: 'student' | 'robustTeacher',
  network: Network,
  epoch: number,
  files: readonly string[],
): Promise<void> => {
  const weights = program.weights(who);
  try {
    const values = Object.fromEntries(
      Object.entries(weights).map(([name, tensor]) => [name, tensor.dataSync() as Float32Array]),
    );
    const info = { ...infoOfNetwork(network), ...identity, dataset: identity.data.name, epoch };
    for (const file of files) await saveCheckpoint(file, info, stateDictOfWeights(network, values));
  } finally {
    tf.dispose(weights);
  }
};

/** Trains what is left of the epoch that the run stands in, validates, and saves. */
export const trainEpoch = async (run: Run, validationSize: number): Promise<void> => {
  const { recipe, out, student, retrainedTeacher } = run;
  await trainBatches(run);
  const epoch = run.state.epoch + 1;
  const due = epoch % recipe.validation.every === 0 || epoch === recipe.epochs;
  const validation = due && run.validation.length > 0 ? await validate(run, validationSize) : undefined;
  const next = closed(run, validation);
  const files = next.best?.epoch === epoch ? [bestFile(out), lastFile(out)] : [lastFile(out)];
  await saveNetwork(run, 'student', student, epoch, files);
  if (retrainedTeacher) await saveNetwork(run, 'robustTeacher', retrainedTeacher, epoch, [teacherFile(out)]);
  const warnings = collapses(next.history).slice(collapses(run.state.history).length);
  run.state = next;
  await saveRun(run);
  await writeRunMetrics(out, next.history);
  const row = next.history.at(-1)!;
  report(run, epoch - 1, run.batches, row.terms['loss']!);
  for (const warning of warnings) run.onWarning(warning);
  run.onEpoch(row);
};
