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

interface AblationsProps {
  readonly data: ReportData;
  readonly groups: readonly RunGroup[];
  readonly state: PageState;
  readonly isDark: boolean;
}

export const Ablations = ({ data, groups, state, isDark }: AblationsProps) => {
  const runs = groups.flatMap((group) => group.runs);
  const results = resultNames(runs, data);
  // Settings of which there are groups that differ in nothing else, and that were measured, the most telling first.
  const settings = useMemo(
    () =>
      differingSettings(runs)
        .map((name) => ({
          name,
          values: ablationsOf(groups, name).reduce(
            (sum, ablation) =>
              sum +
              Math.max(
                0,
                ...results.map((result) => ablation.groups.filter((group) => groupMean(group, result.name)).length - 1),
              ),
            0,
          ),
        }))
        .filter(({ values }) => values > 0)
        .sort((a, b) => b.values - a.values)
        .map(({ name }) => name),
    [groups],
  );
  const setting = settings.includes(state.get('setting')) ? state.get('setting') : (settings[0] ?? '');
  const chosen = state.list('results');
  const usual = [
    ['clean', 'pgd-sat'],
    ['held-out-clean', 'held-out-robust'],
  ].find((names) =>
    names.some((name) =>
      // A line needs two points, and those of one ablation alone make one.
      ablationsOf(groups, setting).some((each) => each.groups.filter((group) => groupMean(group, name)).length > 1),
    ),
  ) ?? ['clean', 'pgd-sat'];
  const shown = chosen.length === 0 ? usual : chosen;
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
  const ablation = useMemo(
    () =>
      ablationFigure(series.slice(0, mostLines), {
        setting,
        title: `Ablation: ${setting}`,
        subtitle: 'every other setting held; means over replicates',
      }),
    [series, setting],
  );
  const axes = state.list('axes');
  const differing = differingSettings(runs);
  const shownAxes = axes.length > 0 ? axes : differing.slice(0, 4);
  const parallel = useMemo(() => {
    const names = shownAxes.filter((name) => differing.includes(name));
    const lines = groups
      .filter((group) => shown.some((name) => groupMean(group, name)))
      .map((group) => ({
        label: group.title,
        method: group.first.method,
        values: [
          ...names.map((name) => group.first.settings[name]),
          ...shown.map((name) => {
            const mean = groupMean(group, name);
            return mean && 100 * mean.mean;
          }),
        ],
      }));
    return parallelCoordinatesFigure([...names, ...shown.map(title)], lines.slice(0, 4 * mostLines), {
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
              state.set({ setting: value });
            }}
          />
        ) : null}
        <Checks
          label="Results"
          chosen={shown}
          choices={results.map(({ name, title: text }) => ({ value: name, title: text }))}
          none="none"
          onChange={(names) => {
            state.setList('results', names);
          }}
        />
        <Checks
          label="Axes"
          chosen={shownAxes}
          choices={differing.map((name) => ({ value: name, title: name }))}
          none="none"
          onChange={(names) => {
            state.setList('axes', names);
          }}
        />
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
              The first {mostLines} of {series.length} lines: choose fewer runs above to see the others.
            </p>
          ) : null}
          <FigureCard name="ablation" figure={ablation} isDark={isDark} />
        </>
      )}
      <FigureCard name="parallel-coordinates" figure={parallel} isDark={isDark} />
    </div>
  );
};
