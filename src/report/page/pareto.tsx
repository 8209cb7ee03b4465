import { useMemo } from 'preact/hooks';
import { cleanRobustFigure, type CleanRobustPoint } from '../../figures/clean-robust.js';
import type { ReportData, ReportRun } from '../data.js';
import { Select } from './controls.js';
import { FigureCard } from './figure-card.js';
import { groupMeasured, settingKey, settingText, type RunGroup } from './groups.js';
import type { PageState } from './state.js';

/** Names beside points, at most: more would cover one another. */
const mostNames = 14;

interface ParetoProps {
  readonly data: ReportData;
  readonly groups: readonly RunGroup[];
  readonly state: PageState;
  readonly isDark: boolean;
}

export const Pareto = ({ data, groups, state, isDark }: ParetoProps) => {
  const attacks = data.attacks.filter(
    ({ name }) => name !== 'clean' && groups.some(({ runs }) => runs.some(({ evaluations }) => evaluations[name])),
  );
  const usual = attacks.some(({ name }) => name === 'pgd-sat') ? 'pgd-sat' : (attacks[0]?.name ?? '');
  const attack = state.oneOf(
    'attack',
    attacks.map(({ name }) => name),
    usual,
  );
  const printed = [...new Set(data.published.map((point) => point.data))];
  const own = groups[0]?.first.data ?? '';
  const paper = state.oneOf('paper', ['none', ...printed], printed.includes(own) ? own : 'none');
  const points = useMemo((): CleanRobustPoint[] => {
    // The legend has an entry a method: its variants are told under the pointer.
    const titles = new Map(data.published.map(({ method, title }) => [method, title]));
    for (const { method, variant, title } of data.runs) if (method === variant) titles.set(method, title);
    const titleOf = ({ method, title }: ReportRun): string => titles.get(method) ?? title;
    const students = new Set(groups.map(({ first }) => first.student));
    // Students of several networks are no rivals: each has its own symbol and front.
    const groupOf = (who: string, student: string): string => (students.size > 1 ? `${who}, ${student}` : who);
    const ours = groups.flatMap((group): CleanRobustPoint[] => {
      const [clean, robust] = [groupMeasured(group, 'clean'), groupMeasured(group, attack)];
      if (!clean || !robust) return [];
      const { first, runs, title } = group;
      const settings = Object.entries(first.settings).map(([name, value]) => `${name} ${settingText(value)}`);
      const lines = Array.from({ length: Math.ceil(settings.length / 3) }, (_, i) =>
        settings.slice(3 * i, 3 * i + 3).join(' · '),
      );
      return [
        {
          ...{ label: title, entry: titleOf(first), method: first.method, clean, robust },
          group: groupOf('ours', first.student),
          details: [`replicates ${runs.map(({ seed }) => seed).join(', ')}`, ...lines],
        },
      ];
    });
    const theirs = data.published.flatMap((point): CleanRobustPoint[] => {
      const { clean, [attack]: robust } = point.values;
      if (point.data !== paper || !students.has(point.student) || clean === undefined || robust === undefined)
        return [];
      return [
        {
          label: `${point.title} (${point.paper}${students.size > 1 ? `, ${point.student}` : ''})`,
          entry: point.title,
          method: point.method,
          group: groupOf(`published, ${paper}`, point.student),
          clean: { value: clean / 100 },
          robust: { value: robust / 100 },
          details: ['full training at full width', ...(point.secondHand ? ['transcribed by a third party'] : [])],
        },
      ];
    });
    return [...ours, ...theirs];
  }, [groups, attack, paper, data]);
  const title = attacks.find(({ name }) => name === attack)?.title ?? attack;
  const first = groups[0]?.first;
  const figure = useMemo(
    () =>
      cleanRobustFigure(points, {
        attack: title,
        epsilon: '8/255',
        front: true,
        names: points.length <= mostNames,
        ...(first ? { subtitle: `${settingKey(first)}; means over replicates` } : {}),
      }),
    [points, title, first],
  );
  return (
    <div>
      <div class="controls">
        <Select
          label="Attack"
          value={attack}
          choices={attacks.map(({ name, title: shown }) => ({ value: name, title: shown }))}
          onChange={(value) => {
            state.set({ attack: value === usual ? '' : value });
          }}
        />
        <Select
          label="Published numbers"
          value={paper}
          choices={[
            { value: 'none', title: 'none' },
            ...printed.map((name) => ({ value: name, title: name === own ? name : `${name} (other data than ours)` })),
          ]}
          onChange={(value) => {
            state.set({ paper: value });
          }}
        />
      </div>
      {points.length === 0 ? (
        <p>None of the chosen runs was measured both clean and under an attack.</p>
      ) : (
        <FigureCard name="clean-robust" figure={figure} isDark={isDark} />
      )}
    </div>
  );
};
