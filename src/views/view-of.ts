import { displayable, type Displayable } from '../display.js';
import type { DoctorReport } from '../doctor/report.js';
import type { Verification } from '../dvc/verify.js';
import type { Evaluation } from '../evaluation/evaluate.js';
import type { CellRecord } from '../results/cell-record.js';
import type { TrainingRun } from '../training/train.js';
import { cellRecordsTable } from './cell-records.js';
import { doctorView } from './doctor-report.js';
import { evaluationByAttack, evaluationTable } from './evaluation-table.js';
import { mimeBundle } from '../figures/mime-bundle.js';
import type { Figure } from '../figures/figure.js';
import { isPlainFigure, plainFigureView } from './plain-figure.js';
import { modelSummary, type SummarisedNetwork } from './model-summary.js';
import { trainingCurvesFigure } from '../figures/training-curves.js';
import { verificationView } from './verification.js';

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const has = (value: unknown, ...names: string[]): boolean => isObject(value) && names.every((name) => name in value);

const isListOf = (value: unknown, test: (item: unknown) => boolean): boolean =>
  Array.isArray(value) && value.length > 0 && value.every(test);

interface View {
  /** Plain data does not say what it is; its fields do. */
  readonly fits: (value: unknown) => boolean;
  readonly show: (value: unknown) => Displayable;
}

const isRecord = (value: unknown): boolean => isObject(value) && value['format'] === 'ciard-cell-1';
const isVerification = (value: unknown): boolean => has(value, 'dataset', 'state', 'message', 'files');

const isEvaluation = (value: unknown): boolean => has(value, 'attacks', 'wRobust', 'warnings');

/** By name. Only of an object that is nothing else are the values looked at: they may be computed on being asked for. */
const isEvaluations = (value: unknown): boolean =>
  isObject(value) && Object.getPrototypeOf(value) === Object.prototype && isListOf(Object.values(value), isEvaluation);

/** What warnings are about, on one line: their beginnings. The sentences stand in the text. */
const warningLine = ([first = '', ...others]: readonly string[]): string =>
  `Warning: ${first.split(':')[0]!}${others.length > 0 ? `, and ${others.length} more` : ''}`;

const showRun = ({ history, best, warnings }: TrainingRun): Displayable => {
  const figure = trainingCurvesFigure(history, {
    title: 'Training run',
    chosen: best.epoch,
    ...(warnings.length > 0 ? { subtitle: warningLine(warnings) } : {}),
  });
  return displayable(async () => {
    const bundle = await mimeBundle(figure);
    const text = [bundle['text/plain'], ...warnings.map((warning) => `Warning: ${warning}`)].join('\n');
    return { ...bundle, 'text/plain': text };
  });
};

const views: readonly View[] = [
  { fits: isRecord, show: (value) => cellRecordsTable([value as CellRecord]) },
  { fits: (value) => isListOf(value, isRecord), show: (value) => cellRecordsTable(value as CellRecord[]) },
  { fits: isEvaluation, show: (value) => evaluationByAttack(value as Evaluation) },
  {
    fits: isEvaluations,
    show: (value) => evaluationTable(value as Record<string, Evaluation>),
  },
  {
    fits: (value) => has(value, 'history', 'best', 'lastFile', 'bestFile', 'warnings'),
    show: (value) => showRun(value as TrainingRun),
  },
  {
    fits: (value) => has(value, 'architecture', 'layers', 'parameters', 'classes'),
    show: (value) => modelSummary(value as SummarisedNetwork),
  },
  {
    fits: (value) => has(value, 'tensorflow', 'freeDisk', 'warnings', 'problems'),
    show: (value) => doctorView(value as DoctorReport),
  },
  { fits: (value) => isListOf(value, isVerification), show: (value) => verificationView(value as Verification[]) },
  { fits: isPlainFigure, show: (value) => plainFigureView(value as Figure) },
];

/**
 * How a notebook shows a value of ours that is plain data: results, evaluations (one, or several by their networks'
 * names), a training run, a network, the doctor's report, the proof of the data sets, plotly's data and layout. Undefined
 * for everything else.
 */
export const viewOf = (value: unknown): Displayable | undefined => views.find(({ fits }) => fits(value))?.show(value);
