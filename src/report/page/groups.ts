import { accuracyOf } from '../../evaluation/accuracy.js';
import type { Measured } from '../../figures/create-figure.js';
import { percent } from '../../percent.js';
import { meanOf, type Mean } from '../../statistics/mean.js';
import type { ReportRun, SettingValue } from '../data.js';

/** What is told of a run in a column of its own: an attack's name, or one of these. */
export const wRobust = 'w-robust';
export const heldOut = ['held-out-clean', 'held-out-robust'] as const;

const validated = ({ training }: ReportRun) => {
  const { history, best } = training ?? {};
  return history?.find(({ epoch }) => epoch === best?.epoch)?.validation;
};

/** A result of a run as a fraction, where it was measured. */
export const resultOf = (run: ReportRun, name: string): number | undefined => {
  if (name === wRobust) {
    const [clean, robust] = [resultOf(run, 'clean'), resultOf(run, 'pgd-sat')];
    return clean === undefined || robust === undefined ? undefined : (clean + robust) / 2;
  }
  if (name === 'held-out-clean') return validated(run)?.clean;
  if (name === 'held-out-robust') return validated(run)?.robust;
  const evaluation = run.evaluations[name];
  return evaluation && accuracyOf(evaluation);
};

/** Replicates of one another: the runs that differ in their seed alone. */
export interface RunGroup {
  /** Short, and the same as long as its first run is there. */
  readonly id: string;
  readonly title: string;
  readonly first: ReportRun;
  readonly runs: readonly ReportRun[];
}

/** Short, for links; the student and the teacher of one training are two runs. */
export const shortKey = ({ id, of }: Pick<ReportRun, 'id' | 'of'>): string =>
  `${id.slice(0, 10)}${of === 'student' ? '' : 't'}`;

const groupKey = ({ scale, data, student, variant, of, isPilot, settings }: ReportRun): string => {
  const known = Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1));
  // Where its training is not on record, a run is known by its row alone.
  return JSON.stringify([scale, data, student, of, isPilot, known.length > 0 ? known : variant]);
};

/** Settings behind a name, at most. */
const mostTelling = 3;

export const groupRuns = (runs: readonly ReportRun[]): RunGroup[] => {
  const groups = new Map<string, ReportRun[]>();
  for (const run of runs) {
    const key = groupKey(run);
    const group = groups.get(key);
    if (group) group.push(run);
    else groups.set(key, [run]);
  }
  const isOneStudent = new Set(runs.map(({ student }) => student)).size < 2;
  const found = [...groups.values()].map((group): RunGroup => {
    const sorted = [...group].sort((a, b) => a.seed - b.seed);
    const [first] = sorted as [ReportRun];
    return {
      id: shortKey(first),
      title: [first.title, ...(isOneStudent ? [] : [first.student]), ...(first.isPilot ? ['pilot'] : [])].join(', '),
      first,
      runs: sorted,
    };
  });
  // What one table calls by a name, another may too: then the settings say which is which.
  const alike = new Map<string, RunGroup[]>();
  for (const group of found) alike.set(group.title, [...(alike.get(group.title) ?? []), group]);
  return found.map((group) => {
    const others = alike.get(group.title)!;
    if (others.length < 2) return group;
    const telling = differingSettings(others.map(({ first }) => first)).slice(0, mostTelling);
    const settings = telling.map((name) => `${name} ${settingText(group.first.settings[name])}`);
    return { ...group, title: [group.title, ...settings].join(', ') };
  });
};

/** The settings in which some of the runs differ, those that few runs have last. */
export const differingSettings = (runs: readonly ReportRun[]): string[] => {
  const known = runs.filter(({ settings }) => Object.keys(settings).length > 0);
  const names = [...new Set(known.flatMap(({ settings }) => Object.keys(settings)))];
  const having = (name: string): number => known.filter(({ settings }) => name in settings).length;
  return names
    .filter((name) => new Set(known.map(({ settings }) => JSON.stringify(settings[name]))).size > 1)
    .map((name, place) => ({ name, place, count: having(name) }))
    .sort((a, b) => b.count - a.count || a.place - b.place)
    .map(({ name }) => name);
};

export const settingText = (value: SettingValue | undefined): string =>
  value === undefined
    ? '–'
    : value === null
      ? 'none'
      : typeof value === 'number'
        ? String(Number(value.toPrecision(4)))
        : String(value);

/** The mean of a group's runs under an attack; all of them that were measured, whatever is drawn. */
export const groupMean = ({ runs }: RunGroup, name: string): Mean | undefined =>
  meanOf(runs.flatMap((run) => resultOf(run, name) ?? []));

/** The same with its interval: over replicates by t, of a single run over images by Wilson. */
export const groupMeasured = (group: RunGroup, name: string): Measured | undefined => {
  const mean = groupMean(group, name);
  if (!mean) return undefined;
  if (mean.interval) {
    const [low, high] = mean.interval;
    return { value: mean.mean, interval: [Math.max(0, low), Math.min(1, high)] };
  }
  const single = group.runs.flatMap(({ evaluations }) => evaluations[name] ?? [])[0];
  return { value: mean.mean, ...(single ? { interval: single.interval } : {}) };
};

export const meanText = (mean: Mean | undefined): string =>
  mean === undefined
    ? '–'
    : `${percent(mean.mean)}${mean.deviation === undefined ? '' : ` ± ${percent(mean.deviation)}`} (${mean.n})`;

/** What the page is asked to show. */
export interface RunFilter {
  /** 'quick synthetic': scale and data set. */
  readonly setting?: string;
  readonly student?: string;
  readonly table?: string;
  /** Methods; empty for all. */
  readonly methods?: readonly string[];
  /** 'epochs=5': a setting and its value as `settingText` writes it. */
  readonly where?: readonly string[];
}

/** 'quick synthetic', 'lite cifar10 bf16': runs that tables put beside one another. */
export const settingKey = ({ scale, data, precision }: Pick<ReportRun, 'scale' | 'data' | 'precision'>): string =>
  [scale, data, ...(precision === 'float32' ? [] : [precision])].join(' ');

export const filterRuns = (runs: readonly ReportRun[], filter: RunFilter): ReportRun[] => {
  const { setting, student, table, methods = [], where = [] } = filter;
  return runs.filter((run) => {
    if (setting && settingKey(run) !== setting) return false;
    if (student && run.student !== student) return false;
    if (table && !run.tables.includes(table)) return false;
    if (methods.length > 0 && !methods.includes(run.method)) return false;
    for (const condition of where) {
      const [name, value] = [condition.slice(0, condition.indexOf('=')), condition.slice(condition.indexOf('=') + 1)];
      if (settingText(run.settings[name]) !== value) return false;
    }
    return true;
  });
};

/**
 * The groups of which a run has each of the words in its name, its title or a setting. A group stays whole: a mean is of all
 * its replicates, whatever is looked for.
 */
export const searchGroups = (groups: readonly RunGroup[], search: string): readonly RunGroup[] => {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return groups;
  return groups.filter(({ runs }) =>
    runs.some(({ name, title, settings }) => {
      const text = [name, title, ...Object.entries(settings).map(([key, value]) => `${key}=${settingText(value)}`)]
        .join(' ')
        .toLowerCase();
      return words.every((word) => text.includes(word));
    }),
  );
};

/** Groups that agree in everything but one setting, of which they have two values or more. */
export interface Ablation {
  /** What tells it from the other ablations. */
  readonly title: string;
  readonly groups: readonly RunGroup[];
}

/** The groups in which a setting changes and everything else is held, a list each. */
export const ablationsOf = (groups: readonly RunGroup[], setting: string): Ablation[] => {
  const parts = new Map<string, RunGroup[]>();
  for (const group of groups) {
    const { scale, data, student, of, isPilot, settings } = group.first;
    if (!(setting in settings)) continue;
    const rest = Object.entries(settings)
      .filter(([name]) => name !== setting)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    const key = JSON.stringify([scale, data, student, of, isPilot, rest]);
    parts.set(key, [...(parts.get(key) ?? []), group]);
  }
  const found = [...parts.values()].filter(
    (part) => new Set(part.map(({ first }) => first.settings[setting])).size > 1,
  );
  const titleOf = ([group]: readonly RunGroup[]): string => {
    const { method, student, isPilot } = group!.first;
    return [method, student, ...(isPilot ? ['pilot'] : [])].join(', ');
  };
  return found.map((part) => {
    // Where one method has several, what they hold says which is which.
    const alike = found.filter((other) => titleOf(other) === titleOf(part)).map(([group]) => group!.first.settings);
    const own = part[0]!.first.settings;
    const held = Object.keys(own).filter(
      (name) => name !== setting && new Set(alike.map((settings) => settingText(settings[name]))).size > 1,
    );
    return {
      title: [titleOf(part), ...held.map((name) => `${name} ${settingText(own[name])}`)].join(', '),
      groups: part,
    };
  });
};

export const inPercent = (value: number | undefined): string => (value === undefined ? '–' : percent(value));
