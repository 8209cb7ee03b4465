import { Fragment, options } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { inPercent } from './groups.js';
import type { ReportData, ReportRun, SettingValue } from '../data.js';
import type { Cell, Table } from '../../tables/table.js';
import { Select } from './controls.js';
import { CsvButton } from './data-table.js';
import {
  differingSettings,
  groupMean,
  heldOut,
  meanText,
  resultOf,
  settingText,
  shortKey,
  wRobust,
  type RunGroup,
} from './groups.js';
import type { PageState } from './state.js';

/** The results that some of the runs have, in the order of columns. */
export const resultNames = (runs: readonly ReportRun[], { attacks }: ReportData): { name: string; title: string }[] => {
  const measured = attacks.filter(({ name }) => runs.some((run) => run.evaluations[name]));
  const hasRobust = runs.some((run) => resultOf(run, wRobust) !== undefined);
  return [
    ...measured,
    ...(hasRobust ? [{ name: wRobust, title: 'W-Robust' }] : []),
    ...heldOut
      .filter((name) => runs.some((run) => resultOf(run, name) !== undefined))
      .map((name) => ({ name, title: name === 'held-out-clean' ? 'Clean, held out' : 'PGD, held out' })),
  ];
};

const meanCost = ({ runs }: RunGroup): number | undefined => {
  const seconds = runs.flatMap(({ training }) => training?.processorSeconds ?? []);
  return seconds.length === 0 ? undefined : seconds.reduce((sum, value) => sum + value, 0) / seconds.length;
};

interface RunsTableProps {
  readonly data: ReportData;
  readonly groups: readonly RunGroup[];
  readonly state: PageState;
}

/** What a group is sorted by: a number or a text; what is not there comes last. */
const sortKey = (group: RunGroup, by: string): number | string | undefined => {
  if (by === 'title') return group.title.toLowerCase();
  if (by === 'cost') return meanCost(group);
  if (by.startsWith('=')) {
    const value = group.first.settings[by.slice(1)];
    return typeof value === 'number' ? value : value === undefined ? undefined : settingText(value);
  }
  return groupMean(group, by)?.mean;
};

const sorted = (groups: readonly RunGroup[], by: string, isDescending: boolean): RunGroup[] =>
  [...groups].sort((a, b) => {
    const [x, y] = [sortKey(a, by), sortKey(b, by)];
    if (x === undefined || y === undefined) return Number(x === undefined) - Number(y === undefined);
    const order = typeof x === 'number' && typeof y === 'number' ? x - y : String(x) < String(y) ? -1 : x === y ? 0 : 1;
    return isDescending ? -order : order;
  });

/** A setting in full. */
const machineText = (value: SettingValue | undefined): string => (value === undefined ? '' : String(value ?? 'none'));

const value = (number: number | undefined): Cell => ({ text: String(number ?? ''), value: number ?? null });

/** The groups with mean, deviation and replicates a column each, for machines. */
const machineTable = (
  groups: readonly RunGroup[],
  results: readonly { name: string; title: string }[],
  chosen: readonly string[],
): Table => {
  const own = ['title', 'scale', 'data', 'student', 'method', 'replicates'];
  const settings = chosen.filter((name) => !own.includes(name));
  return {
    columns: [
      ...own,
      ...settings,
      ...results.flatMap(({ name }) => [`${name}_mean`, `${name}_sd`, `${name}_n`]),
      'processor_seconds',
    ].map((title) => ({ title })),
    rows: groups.map((group) => [
      group.title,
      group.first.scale,
      group.first.data,
      group.first.student,
      group.first.method,
      value(group.runs.length),
      ...settings.map((name) => machineText(group.first.settings[name])),
      ...results.flatMap(({ name }) => {
        const mean = groupMean(group, name);
        return [value(mean && 100 * mean.mean), value(mean?.deviation && 100 * mean.deviation), value(mean?.n)];
      }),
      value(meanCost(group)),
    ]),
  };
};

/** The single runs, a row each, for machines. */
const machineRuns = (
  groups: readonly RunGroup[],
  results: readonly { name: string; title: string }[],
  chosen: readonly string[],
): Table => {
  const own = ['group', 'replicate', 'name', 'scale', 'data', 'student', 'method'];
  const settings = chosen.filter((name) => !own.includes(name));
  return {
    columns: [...own, ...settings, ...results.map(({ name }) => name), 'processor_seconds', 'checkpoint', 'cell'].map(
      (title) => ({ title }),
    ),
    rows: groups.flatMap(({ title, runs }) =>
      runs.map((run): Cell[] => [
        title,
        value(run.seed),
        ...[run.name, run.scale, run.data, run.student, run.method],
        ...settings.map((name) => machineText(run.settings[name])),
        ...results.map(({ name }) => {
          const result = resultOf(run, name);
          return value(result === undefined ? undefined : 100 * result);
        }),
        value(run.training?.processorSeconds),
        run.checkpoint ?? '',
        run.id,
      ]),
    ),
  };
};

/** Where a record lies: a link, where the page knows where it lies itself. */
const RecordPath = ({ path, at }: { readonly path: string; readonly at: string | undefined }) =>
  at === undefined ? <code>results/{path}</code> : <a href={`${at}/${path}`}>results/{path}</a>;

const RunDetails = ({ run, at }: { readonly run: ReportRun; readonly at: string | undefined }) => (
  <dl class="details">
    {run.training ? (
      <>
        <dt>Training</dt>
        <dd>
          <code>{run.training.command}</code>, record <RecordPath path={run.training.record} at={at} />;{' '}
          {run.training.parameters.toLocaleString('en')} parameters, {run.training.trainImages.toLocaleString('en')}{' '}
          images, best epoch {run.training.best.epoch}
        </dd>
      </>
    ) : null}
    <dt>Checkpoint</dt>
    <dd>
      SHA-256 <code>{run.checkpoint ?? 'not known'}</code>
    </dd>
    {Object.entries(run.evaluations).map(([attack, { command, record, correct, total }]) => (
      <Fragment key={attack}>
        <dt>{attack}</dt>
        <dd>
          {correct} of {total}; <code>{command}</code>, record <RecordPath path={record} at={at} />
        </dd>
      </Fragment>
    ))}
    {run.warnings.length > 0 ? (
      <>
        <dt>Warnings</dt>
        <dd>{run.warnings.join('; ')}</dd>
      </>
    ) : null}
    <dt>Settings</dt>
    <dd>
      {Object.entries(run.settings)
        .map(([name, value]) => `${name} ${settingText(value)}`)
        .join(' · ')}
    </dd>
  </dl>
);

/** Rows of a table, at most, until more are asked for. */
const rowsShown = 60;

/** Whether the page is being printed: what a button would show has to be there then. */
const usePrinted = (): boolean => {
  const [isPrinted, setPrinted] = useState(false);
  useEffect(() => {
    // The browser prints what is there when its event is over.
    const atOnce = (value: boolean) => (): void => {
      options.debounceRendering = (render) => {
        render();
      };
      setPrinted(value);
      // Nothing else sets it.
      delete options.debounceRendering;
    };
    const [before, after] = [atOnce(true), atOnce(false)];
    addEventListener('beforeprint', before);
    addEventListener('afterprint', after);
    return () => {
      removeEventListener('beforeprint', before);
      removeEventListener('afterprint', after);
    };
  }, []);
  return isPrinted;
};

export const RunsTable = ({ data, groups, state }: RunsTableProps) => {
  const runs = groups.flatMap((group) => group.runs);
  const results = resultNames(runs, data);
  const differing = differingSettings(runs);
  const columnsOf = state.oneOf('columns', ['results', 'differ', 'settings'], 'results');
  const everySetting = [...new Set(runs.flatMap((run) => Object.keys(run.settings)))];
  const settings = columnsOf === 'results' ? [] : columnsOf === 'differ' ? differing : everySetting;
  const shownResults = columnsOf === 'settings' ? [] : results;
  const by = state.get('sort');
  const isDescending = by.startsWith('-');
  const column = by.replace(/^-/, '');
  const rows = column === '' ? groups : sorted(groups, column, isDescending);
  const open = state.list('open');
  const hidden = state.list('hidden');
  const details = state.list('details');
  const isPrinted = usePrinted();
  const limit = state.get('rows') === 'all' || isPrinted ? Infinity : rowsShown;
  const toggle = (name: string, key: string): void => {
    const list = state.list(name);
    state.setList(name, list.includes(key) ? list.filter((each) => each !== key) : [...list, key]);
  };
  const head = (key: string, title: string, isNumber: boolean) => (
    <th
      key={key}
      scope="col"
      class={isNumber ? 'right' : ''}
      aria-sort={column === key ? (isDescending ? 'descending' : 'ascending') : 'none'}
    >
      <button
        type="button"
        class="sort"
        onClick={() => {
          // Of numbers the largest is looked for first, of texts the first.
          state.set({
            sort:
              column !== key
                ? isNumber
                  ? `-${key}`
                  : key
                : isDescending === isNumber
                  ? isNumber
                    ? key
                    : `-${key}`
                  : '',
          });
        }}
      >
        {title}
        <span aria-hidden="true">{column === key ? (isDescending ? ' ▼' : ' ▲') : ''}</span>
      </button>
    </th>
  );
  return (
    <div>
      <div class="controls">
        <Select
          label="Columns"
          value={columnsOf}
          choices={[
            { value: 'results', title: 'results' },
            { value: 'differ', title: `results, and the ${differing.length} settings that differ` },
            { value: 'settings', title: 'every setting' },
          ]}
          onChange={(value) => {
            state.set({ columns: value === 'results' ? '' : value });
          }}
        />
        <div class="actions">
          <button
            type="button"
            class="quiet"
            onClick={() => {
              state.setList('open', open.length > 0 ? [] : groups.map(({ id }) => id));
            }}
          >
            {open.length > 0 ? 'Fold the single runs' : 'Unfold the single runs'}
          </button>
          <CsvButton
            name="runs"
            table={() => machineTable(rows, results, columnsOf === 'settings' ? everySetting : differing)}
          />
          <CsvButton
            name="single-runs"
            title="CSV of single runs"
            table={() => machineRuns(rows, results, columnsOf === 'settings' ? everySetting : differing)}
          />
        </div>
      </div>
      <div class="scroll tall" tabIndex={0} role="region" aria-label="Table: runs">
        <table class="runs">
          <caption>
            {groups.length} groups of {runs.length} runs, mean ± s.d. (replicates), accuracy in per cent
            {hidden.length > 0 ? `; ${hidden.length} not drawn among the training curves, means hold them still` : ''}
          </caption>
          <thead>
            <tr>
              {head('title', 'Trained by', false)}
              {settings.map((name) => head(`=${name}`, name, false))}
              {shownResults.map(({ name, title }) => head(name, title, true))}
              {head('cost', 'Processor s', true)}
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, limit).map((group) => {
              const isOpen = open.includes(group.id);
              const notDrawn = group.runs.filter((run) => hidden.includes(shortKey(run))).length;
              return (
                <Fragment key={group.id}>
                  <tr class="group">
                    <th scope="row">
                      <button
                        type="button"
                        class="fold"
                        aria-expanded={isOpen}
                        onClick={() => {
                          toggle('open', group.id);
                        }}
                      >
                        <span aria-hidden="true">{isOpen ? '▾' : '▸'}</span> {group.title}
                      </button>
                      {notDrawn > 0 ? (
                        <small>
                          {' '}
                          {notDrawn} of {group.runs.length} not drawn
                        </small>
                      ) : null}
                      {group.runs.some(({ warnings }) => warnings.length > 0) ? (
                        <small title="There was a warning: see the single runs"> ! warned</small>
                      ) : null}
                    </th>
                    {settings.map((name) => (
                      <td key={name}>{settingText(group.first.settings[name])}</td>
                    ))}
                    {shownResults.map(({ name }) => (
                      <td key={name} class="right" data-result={name}>
                        {meanText(groupMean(group, name))}
                      </td>
                    ))}
                    <td class="right">{meanCost(group)?.toFixed(1) ?? '–'}</td>
                  </tr>
                  {isOpen
                    ? group.runs.map((run) => {
                        const short = shortKey(run);
                        const isTold = details.includes(short);
                        return (
                          <Fragment key={run.key}>
                            <tr class="single">
                              <th scope="row">
                                {run.training && group.runs.length > 1 ? (
                                  <label>
                                    <input
                                      type="checkbox"
                                      checked={!hidden.includes(short)}
                                      onChange={() => {
                                        toggle('hidden', short);
                                      }}
                                    />{' '}
                                    draw replicate {run.seed}
                                  </label>
                                ) : (
                                  `replicate ${run.seed}`
                                )}{' '}
                                <button
                                  type="button"
                                  class="quiet"
                                  aria-expanded={isTold}
                                  onClick={() => {
                                    toggle('details', short);
                                  }}
                                >
                                  record
                                </button>
                              </th>
                              {settings.map((name) => (
                                <td key={name} />
                              ))}
                              {shownResults.map(({ name }) => (
                                <td key={name} class="right">
                                  {inPercent(resultOf(run, name))}
                                </td>
                              ))}
                              <td class="right">{run.training?.processorSeconds.toFixed(1) ?? '–'}</td>
                            </tr>
                            {isTold ? (
                              <tr class="told">
                                <td colSpan={2 + settings.length + shownResults.length}>
                                  <RunDetails run={run} at={data.recordsAt} />
                                </td>
                              </tr>
                            ) : null}
                          </Fragment>
                        );
                      })
                    : null}
                </Fragment>
              );
            })}
          </tbody>
        </table>
      </div>
      {rows.length > limit ? (
        <p>
          <button
            type="button"
            onClick={() => {
              state.set({ rows: 'all' });
            }}
          >
            Show all {rows.length} groups
          </button>
        </p>
      ) : null}
    </div>
  );
};
