import { Fragment } from 'preact';
import type { ClaimVerdict } from '../../experiments/claims.js';
import { intervalText, tableOfComparisons } from '../../experiments/comparison-table.js';
import { percent } from '../../percent.js';
import type { Cell, Table } from '../../tables/table.js';
import type { ReportData } from '../data.js';
import { CsvButton, DataTable } from './data-table.js';
import { settingKey } from './groups.js';
import type { PageState } from './state.js';

const marks = { supported: '✓', contradicted: '✗', undecided: '?' } as const;

/** Points, as the page shows them. */
const value = (fraction: number | undefined): Cell =>
  fraction === undefined ? { text: '', value: null } : { text: percent(fraction), value: 100 * fraction };

const claimsTable = (verdicts: readonly ClaimVerdict[]): Table => ({
  columns: [
    'claim',
    'text',
    'scale',
    'data',
    'precision',
    'verdict',
    'low_points',
    'high_points',
    'decided_by',
    'table',
    'command',
  ].map((title) => ({ title })),
  rows: verdicts.map(({ claim, text, scale, data, precision, verdict, interval, decidedBy, table, command }) => [
    String(claim),
    text,
    scale,
    data,
    precision,
    verdict,
    value(interval?.[0]),
    value(interval?.[1]),
    decidedBy ?? '',
    table,
    command,
  ]),
});

export const Claims = ({
  data,
  state,
  setting,
}: {
  readonly data: ReportData;
  readonly state: PageState;
  readonly setting: string;
}) => {
  const verdicts = data.verdicts.filter((verdict) => settingKey(verdict) === setting);
  const open = state.list('claims');
  const counts = (['supported', 'contradicted', 'undecided'] as const).map(
    (verdict) => `${verdicts.filter((each) => each.verdict === verdict).length} ${verdict}`,
  );
  const unmeasured = verdicts.filter(({ decidedBy }) => decidedBy === null).length;
  return (
    <div>
      <p>
        What the records of this scale and data set say of each claim: {counts.join(', ')}
        {unmeasured > 0 ? `, ${unmeasured} of them since nothing is measured` : ''}. A claim is supported where the
        whole interval lies beyond its margin, contradicted where it lies beyond it on the other side, else undecided;
        what it asks for stands beside each of its comparisons. Intervals are in points of accuracy, or per cent of
        training time, at 95 % with Holm’s correction within a claim; that of the comparison that decides is shown.
      </p>
      <div class="scroll" tabIndex={0} role="region" aria-label="Table: claims">
        <table class="claims">
          <caption>The paper’s claims and what {setting.replaceAll(' ', ', ')} says of them</caption>
          <thead>
            <tr>
              {['', 'The paper says', 'Verdict', 'Interval', 'Judged by', 'Command'].map((title) => (
                <th key={title} scope="col">
                  {title === '' ? <span class="unseen">Number</span> : title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {verdicts.map((claim) => {
              const key = String(claim.claim);
              const isOpen = open.includes(key);
              return (
                <Fragment key={key}>
                  <tr>
                    <td>{claim.claim}</td>
                    <th scope="row">{claim.text}</th>
                    <td class={`verdict ${claim.verdict}`}>
                      <span aria-hidden="true">{marks[claim.verdict]}</span> {claim.verdict}
                      {claim.decidedBy === null ? <small>: nothing is measured</small> : null}
                    </td>
                    <td>
                      {intervalText(claim.interval)}
                      {claim.interval && claim.decidedBy !== null ? (
                        <small>
                          <br />
                          {claim.decidedBy}
                        </small>
                      ) : null}
                    </td>
                    <td>
                      <button
                        type="button"
                        class="quiet"
                        aria-expanded={isOpen}
                        onClick={() => {
                          state.setList('claims', isOpen ? open.filter((each) => each !== key) : [...open, key]);
                        }}
                      >
                        {claim.comparisons.length} comparisons
                      </button>{' '}
                      <a
                        href="#runs"
                        onClick={(event) => {
                          event.preventDefault();
                          state.set({
                            ...{ table: claim.table, student: '', methods: '', where: '', search: '' },
                            section: 'runs',
                          });
                          document.getElementById('runs')?.scrollIntoView();
                        }}
                      >
                        runs of {claim.table}
                      </a>
                    </td>
                    <td>
                      <code>{claim.command}</code>
                    </td>
                  </tr>
                  {isOpen ? (
                    <tr>
                      <td colSpan={6}>
                        <DataTable
                          name={`claim-${claim.claim}`}
                          table={{
                            ...tableOfComparisons(claim.comparisons),
                            caption: `Comparisons behind claim ${claim.claim}`,
                          }}
                        />
                      </td>
                    </tr>
                  ) : null}
                </Fragment>
              );
            })}
          </tbody>
        </table>
      </div>
      <div class="actions">
        <CsvButton name="claims" table={() => claimsTable(data.verdicts)} />
      </div>
    </div>
  );
};
