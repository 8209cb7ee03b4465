import type { Displayable } from '../display.js';
import type { DvcDataStatus, DvcStatus } from '../dvc/dvc.js';
import type { Verification } from '../dvc/verify.js';
import type { Table } from '../tables/table.js';
import { tableView } from '../tables/view.js';

/** The strings in a value as `dvc status` nests them: 'changed outs' of { 'data/train.bin': 'modified' }. */
const leaves = (value: unknown, path: readonly string[] = []): { what: string; state: string }[] => {
  if (typeof value === 'string') return [{ what: path.join(': '), state: value }];
  if (Array.isArray(value)) return value.flatMap((entry) => leaves(entry, path));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, entry]) => leaves(entry, [...path, name]));
};

/** `dvc status`, a line a change. */
export const dvcStatusTable = (status: DvcStatus): Table => {
  const rows = Object.entries(status).flatMap(([stage, changes]) =>
    leaves(changes).map(({ what, state }) => [stage, what, state]),
  );
  return {
    caption: rows.length === 0 ? 'DVC: nothing has changed' : 'DVC: what has changed',
    columns: [{ title: 'Stage' }, { title: 'What' }, { title: 'State' }],
    rows,
  };
};

/** `dvc data status`, a line a file. */
export const dvcDataStatusTable = (status: DvcDataStatus): Table => {
  const { committed, uncommitted } = status;
  const changes = (of: DvcDataStatus['committed'], against: string): string[][] => [
    ...(['added', 'modified', 'deleted', 'unknown'] as const).flatMap((state) =>
      of[state].map((path) => [path, state, against]),
    ),
    ...of.renamed.map(({ old, new: now }) => [`${old} → ${now}`, 'renamed', against]),
  ];
  return {
    caption: 'DVC: tracked files',
    columns: [{ title: 'File' }, { title: 'State' }, { title: 'Against' }],
    rows: [
      ...changes(uncommitted, 'what is recorded'),
      ...changes(committed, "git's last commit"),
      ...status.not_in_cache.map((path) => [path, 'not in the cache', '']),
      ...status.not_in_remote.map((path) => [path, 'not in the remote', '']),
      ...status.unchanged.map((path) => [path, 'unchanged', '']),
    ],
  };
};

const signs = { verified: '✓', changed: '✗', absent: '–' } as const;

/** The proof of the data sets by content. */
export const verificationTable = (verifications: readonly Verification[]): Table => ({
  caption: 'Data sets, proven by content',
  columns: [{ title: 'Data set' }, { title: 'State' }, { title: 'What that means' }],
  rows: verifications.map(({ dataset, state, message }) => [dataset, `${signs[state]} ${state}`, message]),
});

export const dvcStatusView = (status: DvcStatus): Displayable => tableView(dvcStatusTable(status));
export const dvcDataStatusView = (status: DvcDataStatus): Displayable => tableView(dvcDataStatusTable(status));
export const verificationView = (verifications: readonly Verification[]): Displayable =>
  tableView(verificationTable(verifications));
