import { useMemo } from 'preact/hooks';
import { comparedCurvesFigure, type CurveGroup } from '../../figures/compared-curves.js';
import { unitOfTerm } from '../../figures/terms.js';
import type { ReportEpoch } from '../data.js';
import { Checks, Select } from './controls.js';
import { FigureCard } from './figure-card.js';
import type { RunGroup } from './groups.js';
import type { PageState } from './state.js';

interface Quantity {
  readonly name: string;
  readonly title: string;
  readonly isAccuracy: boolean;
  readonly of: (epoch: ReportEpoch) => number | undefined;
}

const accuracies: readonly Quantity[] = [
  {
    name: 'robust',
    title: 'Held-out accuracy under attack',
    isAccuracy: true,
    of: (epoch) => epoch.validation?.robust,
  },
  { name: 'clean', title: 'Held-out clean accuracy', isAccuracy: true, of: (epoch) => epoch.validation?.clean },
  {
    name: 'teacher',
    title: 'Robust teacher on the student’s adversarial images',
    isAccuracy: true,
    of: (epoch) => epoch.validation?.teacherRobust,
  },
];
const both = 'both';
const rate: Quantity = {
  name: 'rate',
  title: 'Learning rate (1)',
  isAccuracy: false,
  of: (epoch) => epoch.learningRate,
};

const termQuantity = (term: string): Quantity => {
  const { unit, scale } = unitOfTerm(term);
  return {
    name: `term ${term}`,
    title: `Term ‘${term}’ (${unit})`,
    isAccuracy: false,
    of: (epoch) => {
      const value = epoch.terms[term];
      return value === undefined ? undefined : scale * value;
    },
  };
};

/** Of which methods curves are drawn where none are chosen; the others in their order. */
const prominent = ['ciard', 'pgd-at', 'b-mtard', 'rslad'];
const prominence = ({ first: { method, variant } }: RunGroup): number => {
  const place = method === variant ? prominent.indexOf(method) : -1;
  return place < 0 ? prominent.length : place;
};
/** Groups that are drawn where none is chosen. */
const usualGroups = 4;

export const Curves = ({
  groups,
  state,
  isDark,
}: {
  readonly groups: readonly RunGroup[];
  readonly state: PageState;
  readonly isDark: boolean;
}) => {
  const trained = groups.filter(({ runs }) => runs.some(({ training }) => training));
  const ids = trained.map(({ id }) => id);
  // What the project is named for, and what it is compared with first.
  const usual = [...trained].sort((a, b) => prominence(a) - prominence(b)).slice(0, usualGroups);
  const chosen = state.chosen(
    'curves',
    ids,
    usual.map(({ id }) => id),
  );
  const drawn = trained.filter(({ id }) => chosen.includes(id));
  const terms = [
    ...new Set(
      drawn.flatMap(({ runs }) =>
        runs.flatMap(({ training }) => (training?.history ?? []).flatMap((epoch) => Object.keys(epoch.terms))),
      ),
    ),
  ];
  const quantities = [...accuracies, ...terms.map(termQuantity), rate];
  const name = state.oneOf('curve', [both, ...quantities.map((each) => each.name)], 'robust');
  const hidden = state.get('hidden');
  const [quantity = accuracies[0]!] = quantities.filter((each) => each.name === name);
  const figure = useMemo(() => {
    const curve = (of: Quantity['of'], group: RunGroup, isSecond: boolean): CurveGroup[] => {
      const runs = group.runs.flatMap((run) => {
        const points = (run.training?.history ?? []).flatMap((epoch) => {
          const y = of(epoch);
          return y === undefined ? [] : [{ x: epoch.epoch, y }];
        });
        const isHidden = hidden.split('~').includes(run.id.slice(0, 10));
        return points.length === 0
          ? []
          : [{ label: `${group.title}, replicate ${run.seed}`, points, hidden: isHidden }];
      });
      const retrained = new Set(
        group.runs.flatMap(({ training }) =>
          (training?.history ?? []).flatMap((epoch) => ((epoch.retrained ?? 0) > 0 ? [epoch.epoch] : [])),
        ),
      );
      if (runs.length === 0) return [];
      return [
        {
          ...{
            label: isSecond ? `${group.title}: its teacher` : group.title,
            method: group.first.method,
            runs,
            isSecond,
          },
          marked: [...retrained],
        },
      ];
    };
    const [robust, , teacher] = accuracies as [Quantity, Quantity, Quantity];
    const curves =
      name === both
        ? drawn.flatMap((group) => [...curve(robust.of, group, false), ...curve(teacher.of, group, true)])
        : drawn.flatMap((group) => curve(quantity.of, group, false));
    return comparedCurvesFigure(curves, {
      quantity: name === both ? 'Accuracy on the student’s adversarial images' : quantity.title,
      isAccuracy: quantity.isAccuracy,
      marks: 'epochs in which ITT trains the robust teacher',
    });
  }, [drawn.map(({ id }) => id).join(), name, hidden, groups]);
  return (
    <div>
      <div class="controls">
        <Select
          label="Quantity"
          value={name}
          choices={[
            ...accuracies.map((each) => ({ value: each.name, title: each.title })),
            { value: both, title: 'Student and teacher under attack' },
            ...[...terms.map(termQuantity), rate].map((each) => ({ value: each.name, title: each.title })),
          ]}
          onChange={(value) => {
            state.set({ curve: value === 'robust' ? '' : value });
          }}
        />
        <Checks
          label="Drawn"
          chosen={drawn.map(({ id }) => id)}
          choices={trained.map(({ id, title }) => ({ value: id, title }))}
          none="none"
          onChange={(chosenIds) => {
            state.choose('curves', chosenIds);
          }}
        />
      </div>
      {drawn.length === 0 ? (
        <p>{trained.length === 0 ? 'None of the chosen runs has a history.' : 'Choose what is drawn.'}</p>
      ) : (
        <FigureCard name="curves" figure={figure} isDark={isDark} />
      )}
    </div>
  );
};
