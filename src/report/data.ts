import type { Precision } from '../engine/precision.js';
import type { ClaimVerdict } from '../experiments/claims.js';
import type { Figure } from '../figures/figure.js';

/**
 * What a report is made of, as its page gets it: plain JSON, gathered by `collect.ts` and `laboratory.ts`. The page computes
 * means, intervals and tests from it by the same functions as the tables do.
 */

export type SettingValue = string | number | boolean | null;

export interface ReportEvaluation {
  /** Of its cell. */
  readonly id: string;
  /** The record, relative to the folder of results. */
  readonly record: string;
  readonly correct: number;
  readonly total: number;
  /** Wilson's, at 95 %. */
  readonly interval: readonly [number, number];
  /** A bit an image, in base64 (`unpackOutcome`). */
  readonly outcome: string;
  /** Images of the whole test set that `total` are spread over; null where that is not known. */
  readonly testImages: number | null;
  readonly seconds: number;
  readonly command: string;
}

export interface ReportEpoch {
  readonly epoch: number;
  readonly learningRate: number;
  readonly terms: Readonly<Record<string, number>>;
  readonly retrained?: number | undefined;
  readonly validation?:
    { readonly clean: number; readonly robust: number; readonly teacherRobust?: number | undefined } | undefined;
}

export interface ReportTraining {
  readonly record: string;
  readonly parameters: number;
  readonly trainImages: number;
  readonly history: readonly ReportEpoch[];
  readonly best: { readonly epoch: number; readonly score: number };
  readonly processorSeconds: number;
  readonly command: string;
}

/** A network with what was measured of it: a student, or the robust teacher as a method left it. */
export interface ReportRun {
  /** The training's cell, and for a teacher ' teacher' behind it. */
  readonly key: string;
  readonly id: string;
  readonly of: 'student' | 'robust teacher';
  /** What it is in the table that it was first run for: 'synthetic-quick/ciard-resnet18-s0'. */
  readonly name: string;
  readonly scale: string;
  readonly data: string;
  /** Of the arithmetic of its training. */
  readonly precision: Precision;
  readonly student: string;
  /** The row's key in its table: a method, or a variant of one. */
  readonly variant: string;
  /** The method that trained it, by which figures colour it. */
  readonly method: string;
  readonly title: string;
  readonly seed: number;
  /** Of a pilot, by which settings were chosen: it is no replicate of what they were chosen for. */
  readonly isPilot: boolean;
  /** The tables that it is in, the first that has it first. */
  readonly tables: readonly string[];
  /** Everything that decides the training but its seed, flat: 'optimiser.weightDecay', 'pushWeight', 'width'. */
  readonly settings: Readonly<Record<string, SettingValue>>;
  /** Null where the evaluations are there and the training's record is not. */
  readonly training: ReportTraining | null;
  /** SHA-256 of the weights. */
  readonly checkpoint: string | null;
  /** By attack. */
  readonly evaluations: Readonly<Record<string, ReportEvaluation>>;
  readonly warnings: readonly string[];
}

export interface PublishedPoint {
  readonly data: string;
  readonly student: string;
  readonly method: string;
  readonly title: string;
  /** Percent, by attack. */
  readonly values: Readonly<Record<string, number>>;
  readonly paper: string;
  readonly secondHand: boolean;
}

export interface ReportData {
  readonly version: string;
  /** When it was gathered: ISO 8601, to the minute. */
  readonly made: string;
  /** Those that were measured, in the order of a table's columns. */
  readonly attacks: readonly { readonly name: string; readonly title: string }[];
  readonly runs: readonly ReportRun[];
  /** The folder of results as the page finds it, to lead to records. */
  readonly recordsAt?: string | undefined;
  readonly verdicts: readonly ClaimVerdict[];
  readonly published: readonly PublishedPoint[];
  /** What is spent at a scale, in a sentence. */
  readonly budgets: Readonly<Record<string, string>>;
}

/** A network that the page can compute with: its weights in evaluation mode, batch norm folded in. */
export interface LaboratoryNetwork {
  /** Of the run. */
  readonly run: string;
  readonly architecture: string;
  readonly classes: number;
  readonly width: number;
  readonly imageSize: number;
  readonly mean: readonly [number, number, number] | null;
  readonly std: readonly [number, number, number] | null;
  /** Tensors in the order in which their values stand in `values`. */
  readonly tensors: readonly { readonly name: string; readonly shape: readonly number[] }[];
  /** Float32, little-endian, base64. */
  readonly values: string;
  /** What Node computes for each of the images: [images, classes], float32, base64. */
  readonly logits: string;
}

/** Images, and the networks that can be attacked on them in the page. */
export interface Laboratory {
  readonly data: string;
  /** Of the whole test set. */
  readonly testImages: number;
  readonly imageSize: number;
  readonly classes: readonly string[];
  /** Positions in the test set. */
  readonly indices: readonly number[];
  readonly labels: readonly number[];
  /** [images, height, width, 3] bytes, base64. */
  readonly pixels: string;
  readonly networks: readonly LaboratoryNetwork[];
  /** Networks of records whose weights are not here, or did not fit in. */
  readonly without: number;
}

/** The page as its script will show it first, as HTML; `draw` makes a figure SVG. */
export type Prerender = (data: ReportData, draw: (figure: Figure) => Promise<string>) => Promise<string>;
