import { targetOf, type Points, type Target } from '../attacks/attack.js';
import type { AttackSequence } from '../attacks/auto-attack.js';
import { checkpointInterrupt } from '../interruption.js';
import type { Progress } from '../progress.js';
import type { Rng } from '../random.js';
import { checkOutputs, checkSquareGain } from './checks.js';
import type { Classifier } from './classifier.js';
import { accuracyOf } from './accuracy.js';
import { outcomeOf, type AttackOutcome } from './outcome.js';
import { readSequenceState, writeSequenceState, type SequenceSubject, type StageState } from './sequence-state.js';

export interface SequenceOptions {
  /** The images, and which of them are right without an attack. */
  readonly points: Points;
  readonly clean: Uint8Array;
  readonly rng: Rng;
  readonly batchSize: number;
  /** Where the state is kept, and what it belongs to. */
  readonly state?: { readonly path: string; readonly subject: SequenceSubject } | undefined;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  readonly warn: (message: string) => void;
  /** Is told what is left after each stage, as it ends. */
  readonly onStage: (name: string, outcome: AttackOutcome) => void;
}

/** Seconds between two savings of the state. */
const savingInterval = 10;

/** `points` of these numbers, renumbered. */
export const subset = (points: Points, numbers: ArrayLike<number>): Points => ({
  length: numbers.length,
  read: (chosen) => points.read(Array.from(chosen, (number) => numbers[number]!)),
});

/**
 * Runs the stages of `sequence`, each on what is still right. With a state, what was done before an interruption is not
 * done again, and the outcome is that of an uninterrupted run.
 */
export const runSequence = async (
  target: Target,
  classifier: Classifier,
  sequence: AttackSequence,
  options: SequenceOptions,
): Promise<AttackOutcome> => {
  const { points, clean, rng, batchSize, state, progress, signal, warn, onStage } = options;
  const saved = state ? readSequenceState(state.path, state.subject) : [];
  // A file that can't be written is found out now, not after the first minutes.
  if (state) await writeSequenceState(state.path, state.subject, saved);
  const done: StageState[] = [];
  const robust = clean.slice();
  const remaining = (): number[] => Array.from(robust.keys()).filter((image) => robust[image] === 1);

  const probe = remaining().slice(0, classifier.size);
  if (probe.length > 0) {
    const logits = (): Float32Array => classifier.logits(subset(points, probe));
    for (const message of checkOutputs(logits, target, sequence.expectsRandomness)) warn(message);
  }

  const stages: Record<string, AttackOutcome> = {};
  let seconds = 0;
  for (const attack of sequence.stages) {
    const before = saved.find(({ name }) => name === attack.name);
    const broken = new Set(before?.broken);
    const settled = new Set(before?.settled);
    const settledBefore = settled.size;
    const start = performance.now();
    const stageSeconds = (): number => (before?.seconds ?? 0) + (performance.now() - start) / 1000;
    const attacked = remaining();
    const warnings = new Set(before?.warnings);
    for (const message of warnings) warn(message);
    const warnOfStage = (message: string): void => {
      warnings.add(message);
      warn(message);
    };

    if (!before?.complete) {
      const rest = attacked.filter((image) => !settled.has(image));
      const judge = classifier.judge(subset(points, rest), attack, warnOfStage);
      let finished: number[] = [];
      let lastSaved = performance.now();
      const record = (complete: boolean): StageState => {
        const outcome = judge.finish();
        for (const point of finished) settled.add(rest[point]!);
        finished = [];
        rest.forEach((image, point) => {
          if (outcome[point]) broken.add(image);
        });
        return {
          name: attack.name,
          settled: [...settled].sort((a, b) => a - b),
          broken: [...broken].sort((a, b) => a - b),
          complete,
          seconds: stageSeconds(),
          warnings: [...warnings],
        };
      };
      const save = async (stage: StageState): Promise<void> => {
        lastSaved = performance.now();
        if (state) await writeSequenceState(state.path, state.subject, [...done, stage]);
      };
      let isComplete = false;
      try {
        await attack.run(targetOf(attack, target), subset(points, rest), {
          rng: rng.fork(attack.name),
          batchSize,
          report: (point, adversarial) => {
            judge.take(point, adversarial);
          },
          finished: (point) => finished.push(point),
          async pause() {
            if (state && performance.now() - lastSaved > 1000 * savingInterval) await save(record(false));
            await checkpointInterrupt(signal);
          },
          progress: (event) => {
            progress({
              ...event,
              task: `${sequence.name} ${attack.name}`,
              done: settledBefore + event.done,
              total: attacked.length,
            });
          },
          warn: warnOfStage,
        });
        isComplete = true;
      } finally {
        const stage = record(isComplete);
        await save(stage);
        done.push(stage);
      }
    } else {
      done.push(before);
    }
    for (const image of broken) robust[image] = 0;
    const outcome = outcomeOf(robust.slice(), attacked.length, stageSeconds());
    stages[attack.name] = outcome;
    seconds += outcome.seconds;
    onStage(attack.name, outcome);
  }

  const accuracies = Object.entries(stages).map(([name, left]) => ({ name, accuracy: accuracyOf(left) }));
  const cleanAccuracy = clean.reduce((sum, right) => sum + right, 0) / Math.max(clean.length, 1);
  for (const message of checkSquareGain([{ name: 'clean', accuracy: cleanAccuracy }, ...accuracies])) warn(message);
  return {
    ...outcomeOf(
      robust,
      clean.reduce((sum, right) => sum + right, 0),
      seconds,
    ),
    stages,
  };
};
