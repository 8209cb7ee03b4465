import { useMemo } from 'preact/hooks';
import { unpackOutcome } from '../../evaluation/outcome-bits.js';
import { pointsText } from '../../experiments/comparison-table.js';
import { mcnemar, type McNemar } from '../../statistics/mcnemar.js';
import type { Table } from '../../tables/table.js';
import type { Laboratory, ReportData, ReportRun } from '../data.js';
import { Select } from './controls.js';
import { imagesOf } from './laboratory-images.js';
import { DataTable } from './data-table.js';
import { embeddedOutcome } from './embedded.js';
import { inPercent, shortKey, type RunGroup } from './groups.js';
import { Pixels } from './pixels.js';
import type { PageState } from './state.js';

interface ImagesProps {
  readonly data: ReportData;
  readonly groups: readonly RunGroup[];
  readonly laboratory: Laboratory | null;
  readonly state: PageState;
}

/** The comparison on one row, with what it is of. */
const machineTable = (
  networks: readonly { readonly run: ReportRun; readonly title: string }[],
  attack: string,
  test: McNemar,
  bothRight: number,
): Table => {
  const { total, onlyFirst, onlySecond, difference, interval, pValue } = test;
  const entries: (readonly [string, number | string])[] = [
    ...networks.flatMap(({ run, title }, i) => [
      [`network_${i + 1}`, title] as const,
      [`cell_${i + 1}`, run.evaluations[attack]!.id] as const,
    ]),
    ['attack', attack],
    ['images', total],
    ['both_right', bothRight],
    ['only_first_right', onlyFirst],
    ['only_second_right', onlySecond],
    ['both_wrong', total - bothRight - onlyFirst - onlySecond],
    ['difference_points', 100 * difference],
    ['low_points', 100 * interval[0]],
    ['high_points', 100 * interval[1]],
    ['mcnemar_p', pValue],
  ];
  return {
    columns: entries.map(([title]) => ({ title })),
    rows: [entries.map(([, value]) => ({ text: String(value), value }))],
  };
};

export const Images = ({ data, groups, laboratory, state }: ImagesProps) => {
  const attacks = data.attacks.filter(({ name }) =>
    groups.some(({ runs }) => runs.some(({ evaluations }) => evaluations[name])),
  );
  const usual = attacks.some(({ name }) => name === 'pgd-sat') ? 'pgd-sat' : (attacks[0]?.name ?? '');
  const attack = state.oneOf(
    'differ',
    attacks.map(({ name }) => name),
    usual,
  );
  const choices = groups.flatMap((group) =>
    group.runs.flatMap((run) =>
      run.evaluations[attack] ? [{ run, value: shortKey(run), title: `${group.title}, replicate ${run.seed}` }] : [],
    ),
  );
  const preferred = choices.find(({ run }) => run.method === 'ciard') ?? choices[0];
  const first = choices.find(({ value }) => value === state.get('first')) ?? preferred;
  const other =
    choices.find(({ run }) => run.variant !== first?.run.variant && run.seed === first?.run.seed) ?? choices[1];
  const second = choices.find(({ value }) => value === state.get('second')) ?? other;
  const outcomeOf = (run: ReportRun): Uint8Array => {
    const { outcome, total } = run.evaluations[attack]!;
    return unpackOutcome(outcome, total);
  };
  const pixels = useMemo(
    () => (laboratory ? laboratory.indices.map((_, i) => imagesOf(laboratory, [i])) : []),
    [laboratory],
  );
  if (!first || !second) return <p>Two networks that were measured under one attack are wanted: choose more runs.</p>;
  const [a, b] = [outcomeOf(first.run), outcomeOf(second.run)];
  const comparable = a.length === b.length;
  const test = comparable ? mcnemar(a, b) : undefined;
  const bothRight = comparable ? a.reduce((sum, right, i) => sum + (right & b[i]!), 0) : 0;
  const embedded = laboratory
    ? [first, second].map(({ run }) => embeddedOutcome(run, attack, laboratory))
    : [undefined, undefined];
  const [ofFirst, ofSecond] = embedded;
  const known =
    ofFirst && ofSecond
      ? ofFirst.flatMap((right, i) => (right === undefined || ofSecond[i] === undefined ? [] : [i]))
      : [];
  const kinds = [
    { title: `Only ${first.title} is right`, numbers: known.filter((i) => ofFirst![i] === 1 && ofSecond![i] === 0) },
    { title: `Only ${second.title} is right`, numbers: known.filter((i) => ofFirst![i] === 0 && ofSecond![i] === 1) },
  ];
  const choose = (name: string, label: string, value: string) => (
    <Select
      label={label}
      value={value}
      choices={choices.map((choice) => ({ value: choice.value, title: choice.title }))}
      onChange={(next) => {
        state.set({ [name]: next });
      }}
    />
  );
  return (
    <div>
      <div class="controls">
        <Select
          label="Attack"
          value={attack}
          choices={attacks.map(({ name, title }) => ({ value: name, title }))}
          onChange={(value) => {
            state.set({ differ: value === usual ? '' : value });
          }}
        />
        {choose('first', 'First network', first.value)}
        {choose('second', 'Second network', second.value)}
      </div>
      {test ? (
        <>
          <DataTable
            name="image-by-image"
            file={() => machineTable([first, second], attack, test, bothRight)}
            table={{
              caption: `Images on which ${first.title} and ${second.title} are right`,
              columns: [
                { title: 'Networks' },
                { title: 'Second right', align: 'right' },
                { title: 'Second wrong', align: 'right' },
              ],
              rows: [
                ['First right', String(bothRight), String(test.onlyFirst)],
                [
                  'First wrong',
                  String(test.onlySecond),
                  String(test.total - bothRight - test.onlyFirst - test.onlySecond),
                ],
              ],
              notes: [
                `These two networks on ${test.total} images: ${inPercent(bothRight / test.total + test.onlyFirst / test.total)} % against ` +
                  `${inPercent(bothRight / test.total + test.onlySecond / test.total)} %, difference ${pointsText(test.difference)} points ` +
                  `(${pointsText(test.interval[0])} … ${pointsText(test.interval[1])}), exact McNemar p ${test.pValue === 0 ? '< 1e-300' : `= ${test.pValue.toPrecision(2)}`}. ` +
                  'It says nothing of the methods that trained them.',
              ],
            }}
          />
          {known.length > 0 && laboratory ? (
            kinds.map(({ title, numbers }) => (
              <div key={title}>
                <h3>
                  {title}: {numbers.length} of the {known.length} images that are embedded
                </h3>
                <ul class="images">
                  {numbers.map((number) => {
                    const label = laboratory.classes[laboratory.labels[number]!] ?? '';
                    return (
                      <li key={number}>
                        <figure>
                          <Pixels
                            values={pixels[number]!}
                            size={laboratory.imageSize}
                            label={`image ${number}: ${label}`}
                            shown={64}
                          />
                          <figcaption>
                            {number}: {label}
                          </figcaption>
                        </figure>
                      </li>
                    );
                  })}
                </ul>
              </div>
            ))
          ) : (
            <p class="note">The images of this data set are not embedded.</p>
          )}
        </>
      ) : (
        <p>
          The two were measured on {a.length} and {b.length} images: they can’t be compared image by image.
        </p>
      )}
    </div>
  );
};
