import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { Laboratory, ReportData } from '../data.js';
import { Ablations } from './ablations.js';
import { Attack } from './attack.js';
import { Claims } from './claims.js';
import { Checks, Search, Select } from './controls.js';
import { Curves } from './curves.js';
import { printWidth } from './figure-card.js';
import { differingSettings, filterRuns, groupRuns, searchGroups, settingKey, settingText } from './groups.js';
import { Images } from './images.js';
import { Pareto } from './pareto.js';
import { RunsTable } from './runs-table.js';
import { formatHash, pageState, parseHash, type PageState, type PageValues } from './state.js';

const sections = [
  ['runs', 'Runs'],
  ['clean-robust-section', 'Clean against robust'],
  ['curves-section', 'Training curves'],
  ['ablations', 'Ablations'],
  ['images', 'Image by image'],
  ['claims', 'Claims'],
  ['attack', 'Attack it yourself'],
] as const;

const Section = ({
  id,
  children,
}: {
  readonly id: (typeof sections)[number][0];
  readonly children: ComponentChildren;
}) => (
  <section aria-labelledby={id}>
    <h2 id={id} tabIndex={-1}>
      {sections.find(([own]) => own === id)![1]}
    </h2>
    {children}
  </section>
);

/** The values of the address, and how to change them; another address in the same page is followed. */
const usePageState = (hash: string): PageState => {
  const [values, setValues] = useState<PageValues>(() =>
    sections.some(([id]) => hash === `#${id}`) ? { section: hash.slice(1) } : parseHash(hash),
  );
  useEffect(() => {
    const follow = (): void => {
      // A section's own link changes nothing else of the state.
      const section = sections.find(([id]) => location.hash === `#${id}`);
      if (section) setValues((before) => ({ ...before, section: section[0] }));
      else setValues(parseHash(location.hash));
    };
    addEventListener('hashchange', follow);
    return () => {
      removeEventListener('hashchange', follow);
    };
  }, []);
  return pageState(values, (next) => {
    setValues(next);
    history.replaceState(null, '', formatHash(next) || location.pathname + location.search);
  });
};

/** Milliseconds in which figures are drawn, and what lies below them moves. */
const settling = 5000;

/** Goes to the section that a link names, and stays with it while figures are drawn, until the reader moves. */
const useSection = (section: string): void => {
  useEffect(() => {
    const heading = document.getElementById(section);
    if (!heading) return;
    const go = (): void => {
      heading.scrollIntoView();
    };
    go();
    heading.focus({ preventScroll: true });
    const sizes = new ResizeObserver(go);
    sizes.observe(document.body);
    const end = (): void => {
      sizes.disconnect();
    };
    const moves = ['wheel', 'pointerdown', 'keydown', 'touchstart'] as const;
    for (const move of moves) addEventListener(move, end, { once: true });
    const later = setTimeout(end, settling);
    return () => {
      clearTimeout(later);
      end();
      for (const move of moves) removeEventListener(move, end);
    };
  }, [section]);
};

const unique = <T,>(values: readonly T[]): T[] => [...new Set(values)];

const Filter = ({
  data,
  state,
  setting,
  table,
}: {
  readonly data: ReportData;
  readonly state: PageState;
  readonly setting: string;
  readonly table: string;
}) => {
  const here = data.runs.filter((run) => settingKey(run) === setting);
  const settings = unique(data.runs.map(settingKey));
  const students = unique(here.map(({ student }) => student));
  const tables = unique(here.flatMap((run) => run.tables));
  const methods = unique(here.map(({ method }) => method));
  const differing = differingSettings(here);
  const where = state.list('where');
  const name = state.oneOf('whereName', differing, differing[0] ?? '');
  const values = unique(here.map(({ settings: own }) => settingText(own[name]))).sort();
  return (
    <form
      class="filter"
      aria-label="Which runs are shown"
      onSubmit={(event) => {
        event.preventDefault();
      }}
    >
      <div class="controls">
        <Select
          label="Scale and data"
          value={setting}
          choices={settings.map((value) => ({ value, title: value.replace(' ', ': ') }))}
          onChange={(value) => {
            state.set({ at: value, student: '', table: '', methods: '', where: '' });
          }}
        />
        <Select
          label="Table"
          value={table}
          choices={[{ value: 'all', title: 'all tables' }, ...tables.map((value) => ({ value, title: value }))]}
          onChange={(value) => {
            state.set({ table: value });
          }}
        />
        <Select
          label="Student"
          value={state.oneOf('student', students, '')}
          choices={[{ value: '', title: 'all students' }, ...students.map((value) => ({ value, title: value }))]}
          onChange={(value) => {
            state.set({ student: value });
          }}
        />
        <Checks
          label="Methods"
          chosen={state.list('methods')}
          choices={methods.map((value) => ({ value, title: value }))}
          none="all"
          onChange={(chosen) => {
            state.setList('methods', chosen);
          }}
        />
        {differing.length > 0 ? (
          <>
            <Select
              label="Setting"
              value={name}
              choices={differing.map((value) => ({ value, title: value }))}
              onChange={(value) => {
                state.set({ whereName: value });
              }}
            />
            <Select
              label="is"
              value={where.find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1) ?? ''}
              choices={[{ value: '', title: 'anything' }, ...values.map((value) => ({ value, title: value }))]}
              onChange={(value) => {
                const rest = where.filter((each) => !each.startsWith(`${name}=`));
                state.setList('where', value === '' ? rest : [...rest, `${name}=${value}`]);
              }}
            />
          </>
        ) : null}
        <Search
          value={state.get('search')}
          onChange={(search) => {
            state.set({ search });
          }}
        />
      </div>
      {where.length > 0 ? (
        <div class="actions">
          {where.map((condition) => (
            <button
              key={condition}
              type="button"
              class="quiet"
              onClick={() => {
                state.setList(
                  'where',
                  where.filter((each) => each !== condition),
                );
              }}
            >
              {condition} <span aria-hidden="true">×</span>
              <span class="unseen">, take away</span>
            </button>
          ))}
        </div>
      ) : null}
    </form>
  );
};

interface AppProps {
  readonly data: ReportData;
  /** Undefined while it is unpacked, null where there is none. */
  readonly laboratory: Laboratory | null | undefined;
  /** Of the address that the page was opened by. */
  readonly hash: string;
  readonly isDarkByDefault: boolean;
}

export const App = ({ data, laboratory, hash, isDarkByDefault }: AppProps) => {
  const state = usePageState(hash);
  useSection(
    state.oneOf(
      'section',
      sections.map(([id]) => id),
      '',
    ),
  );
  const theme = state.get('theme', isDarkByDefault ? 'dark' : 'light');
  const isDark = theme === 'dark';
  useEffect(() => {
    document.documentElement.dataset['theme'] = theme;
  }, [theme]);
  useEffect(() => {
    const fit = (): void => {
      for (const each of document.querySelectorAll('table')) {
        each.style.setProperty('--print-zoom', String(Math.min(0.6, printWidth / Math.max(each.offsetWidth, 1))));
      }
    };
    addEventListener('beforeprint', fit);
    return () => {
      removeEventListener('beforeprint', fit);
    };
  }, []);
  const [firstRun] = data.runs;
  const settings = useMemo(() => unique(data.runs.map(settingKey)), [data]);
  const setting = state.oneOf('at', settings, firstRun ? settingKey(firstRun) : '');
  const tables = useMemo(
    () => unique(data.runs.filter((run) => settingKey(run) === setting).flatMap((run) => run.tables)),
    [data, setting],
  );
  const table = state.oneOf('table', ['all', ...tables], tables.includes('students') ? 'students' : 'all');
  const students = useMemo(() => unique(data.runs.map((run) => run.student)), [data]);
  const student = state.oneOf('student', students, '');
  const filterKey = [
    ...[setting, table, student],
    ...['methods', 'where', 'search'].map((name) => state.get(name)),
  ].join('|');
  const wider = useMemo(
    () =>
      searchGroups(
        groupRuns(
          filterRuns(data.runs, { setting, student, methods: state.list('methods'), where: state.list('where') }),
        ),
        state.get('search'),
      ),
    [data, filterKey],
  );
  const groups = useMemo(
    () =>
      table === 'all'
        ? wider
        : groupRuns(wider.flatMap(({ runs }) => runs).filter((run) => run.tables.includes(table))),
    [wider, table],
  );
  const budget = data.budgets[setting.split(' ')[0]!];
  return (
    <div class="frame">
      <header>
        <h1>ciard: report</h1>
        <p>
          {data.runs.length} networks, gathered {data.made.replace('T', ' ').replace('Z', ' UTC')}, version{' '}
          {data.version}.{' '}
          <button
            type="button"
            class="quiet"
            onClick={() => {
              state.set({ theme: isDark ? 'light' : 'dark' });
            }}
          >
            {isDark ? 'Light' : 'Dark'} colours
          </button>
        </p>
        <nav aria-label="Sections">
          <ul>
            {sections.map(([id, title]) => (
              <li key={id}>
                <a
                  href={`#${id}`}
                  onClick={(event) => {
                    event.preventDefault();
                    state.set({ section: id });
                    document.getElementById(id)?.scrollIntoView();
                  }}
                >
                  {title}
                </a>
              </li>
            ))}
          </ul>
        </nav>
      </header>
      <Filter data={data} state={state} setting={setting} table={table} />
      <main>
        {budget === undefined ? null : <p class="note">{budget}.</p>}
        {groups.length === 0 ? <p role="status">No run is left: take a condition away.</p> : null}
        <Section id="runs">
          <RunsTable data={data} groups={groups} state={state} />
        </Section>
        <Section id="clean-robust-section">
          <Pareto data={data} groups={groups} state={state} isDark={isDark} />
        </Section>
        <Section id="curves-section">
          <Curves groups={groups} state={state} isDark={isDark} />
        </Section>
        <Section id="ablations">
          <Ablations data={data} ofTable={groups} groups={wider} state={state} isDark={isDark} />
        </Section>
        <Section id="images">
          <Images data={data} groups={groups} laboratory={laboratory ?? null} state={state} />
        </Section>
        <Section id="claims">
          <Claims data={data} state={state} setting={setting} />
        </Section>
        <Section id="attack">
          {laboratory && laboratory.networks.length > 0 ? (
            <Attack data={data} laboratory={laboratory} state={state} />
          ) : laboratory === undefined ? (
            <p role="status">The images and networks are being unpacked …</p>
          ) : (
            <p>
              No network with its weights is embedded: <code>npx ciard table students</code> trains some,{' '}
              <code>dvc pull</code> brings those that were shipped; then write the report again.
            </p>
          )}
        </Section>
      </main>
    </div>
  );
};
