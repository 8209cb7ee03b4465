import { useMemo } from 'preact/hooks';
import { ablationFigure, type AblationSeries } from '../../figures/ablation.js';
import { parallelCoordinatesFigure } from '../../figures/parallel-coordinates.js';
import type { ReportData } from '../data.js';
import { Checks, Select } from './controls.js';
import { FigureCard } from './figure-card.js';
import { ablationsOf, differingSettings, groupMean, groupMeasured, type RunGroup } from './groups.js';
import { resultNames } from './runs-table.js';
import type { PageState } from './state.js';

/** Lines of a figure, at most: more are not told apart. */
const mostLines = 12;
/** Groups across the parallel coordinates, at most. */
const mostAcross = 4 * mostLines;
/** Pixels between two uprights, at least, so that their names can be read. */
const uprightWidth = 110;

/** Settings in which groups differ that differ in nothing else, and that were measured: the most telling first. */
const ablatedSettings = (groups: readonly RunGroup[], results: readonly string[]): string[] =>
  differingSettings(groups.flatMap(({ runs }) => runs))
    .map((name) => ({
      name,
      values: ablationsOf(groups, name).reduce(
        (sum, ablation) =>
          sum +
          Math.max(
            0,
            ...results.map((result) => ablation.groups.filter((group) => groupMean(group, result)).length - 1),
          ),
        0,
      ),
    }))
    .filter(({ values }) => values > 0)
    .sort((a, b) => b.values - a.values)
    .map(({ name }) => name);

interface AblationsProps {
  readonly data: ReportData;
  /** Those of the chosen table. */
  readonly ofTable: readonly RunGroup[];
  /** Those of every table: an ablation may need rows of several. */
  readonly groups: readonly RunGroup[];
  readonly state: PageState;
  readonly isDark: boolean;
}

export const Ablations = ({ data, ofTable, groups: ofAll, state, isDark }: AblationsProps) => {
  const results = resultNames(
    ofAll.flatMap(({ runs }) => runs),
    data,
  );
  // What the chosen table varies comes first, then what any does; pilots, which have a budget of their own, come last.
  const pools = useMemo(
    () =>
      [ofTable, ofAll.filter(({ first }) => !first.isPilot), ofAll].map((groups) => ({
        groups,
        settings: ablatedSettings(
          groups,
          results.map(({ name }) => name),
        ),
      })),
    [ofTable, ofAll],
  );
  const settings = [...new Set(pools.flatMap((pool) => pool.settings))];
  const setting = state.oneOf('setting', settings, settings[0] ?? '');
  const groups = (pools.find((pool) => pool.settings.includes(setting)) ?? pools[2]!).groups;
  const runs = groups.flatMap((group) => group.runs);
  const usual = [
    ['clean', 'pgd-sat'],
    ['held-out-clean', 'held-out-robust'],
  ].find((names) =>
    names.some((name) =>
      // A line needs two points, and those of one ablation alone make one.
      ablationsOf(groups, setting).some((each) => each.groups.filter((group) => groupMean(group, name)).length > 1),
    ),
  ) ?? ['clean', 'pgd-sat'];
  const shown = state.chosen(
    'results',
    results.map(({ name }) => name),
    usual,
  );
  const title = (name: string): string => results.find((each) => each.name === name)?.title ?? name;
  const series = useMemo((): AblationSeries[] => {
    const ablations = ablationsOf(groups, setting);
    return ablations.flatMap((ablation) =>
      shown.flatMap((name) => {
        const points = ablation.groups.flatMap((group) => {
          const measured = groupMeasured(group, name);
          return measured ? [{ at: group.first.settings[setting] ?? null, measured }] : [];
        });
        if (points.length < 2) return [];
        const label = ablations.length > 1 ? `${ablation.title}: ${title(name)}` : title(name);
        return [{ label, points }];
      }),
    );
  }, [groups, setting, shown.join()]);
  const labels = series.map(({ label }) => label);
  const lines = state.chosen('lines', labels, labels.slice(0, mostLines)).slice(0, mostLines);
  const ablation = useMemo(
    () =>
      ablationFigure(
        series.filter(({ label }) => lines.includes(label)),
        {
          setting,
          title: `Ablation: ${setting}`,
          subtitle: 'every other setting held; means over replicates',
        },
      ),
    [series, setting, lines.join()],
  );
  const differing = differingSettings(runs);
  const shownAxes = state.chosen('axes', differing, differing.slice(0, 4));
  const measured = groups.filter((group) => shown.some((name) => groupMean(group, name)));
  const parallel = useMemo(() => {
    const across = measured.slice(0, mostAcross).map((group) => ({
      label: group.title,
      method: group.first.method,
      values: [
        ...shownAxes.map((name) => group.first.settings[name]),
        ...shown.map((name) => {
          const mean = groupMean(group, name);
          return mean && 100 * mean.mean;
        }),
      ],
    }));
    return parallelCoordinatesFigure([...shownAxes, ...shown.map(title)], across, {
      title: 'Settings and results side by side',
      subtitle: 'a line a group; accuracies in per cent, means over replicates',
    });
  }, [groups, shownAxes.join(), shown.join()]);
  return (
    <div>
      <div class="controls">
        {settings.length > 0 ? (
          <Select
            label="Setting"
            value={setting}
            choices={settings.map((name) => ({ value: name, title: name }))}
            onChange={(value) => {
              state.set({ setting: value, lines: '' });
            }}
          />
        ) : null}
        <Checks
          label="Results"
          chosen={shown}
          choices={results.map(({ name, title: text }) => ({ value: name, title: text }))}
          none="none"
          onChange={(names) => {
            state.choose('results', names);
          }}
        />
        <Checks
          label="Axes"
          chosen={shownAxes}
          choices={differing.map((name) => ({ value: name, title: name }))}
          none="none"
          onChange={(names) => {
            state.choose('axes', names);
          }}
        />
        {series.length > 2 ? (
          <Checks
            label="Lines"
            chosen={lines}
            choices={labels.map((label) => ({ value: label, title: label }))}
            none="none"
            most={mostLines}
            onChange={(next) => {
              state.choose('lines', next);
            }}
          />
        ) : null}
      </div>
      {series.length === 0 ? (
        <p>
          No two of the chosen runs differ in one setting alone and were both measured. The tables{' '}
          <code>ablation-terms</code>, <code>ablation-itt</code> and <code>ablation-push</code> are made for it:{' '}
          <code>npx ciard table ablation-push</code>.
        </p>
      ) : (
        <>
          {series.length > mostLines ? (
            <p class="note">
              {lines.length} of {series.length} lines are drawn, {mostLines} at most: choose them under ‘Lines’.
            </p>
          ) : null}
          <FigureCard name="ablation" figure={ablation} isDark={isDark} />
        </>
      )}
      {shownAxes.length + shown.length === 0 ? (
        <p>Choose axes and results: each is an upright of the figure that belongs here.</p>
      ) : (
        <>
          {measured.length > mostAcross ? (
            <p class="note">
              The first {mostAcross} of {measured.length} groups are drawn: choose fewer above to see the others.
            </p>
          ) : null}
          <FigureCard
            name="parallel-coordinates"
            figure={parallel}
            isDark={isDark}
            leastWidth={uprightWidth * (shownAxes.length + shown.length)}
          />
        </>
      )}
    </div>
  );
};
