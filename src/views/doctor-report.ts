import { relative } from 'node:path';
import type { Displayable } from '../display.js';
import { reportRows, type DoctorReport } from '../doctor/report.js';
import { places } from '../setup/places.mjs';
import type { Table } from '../tables/table.js';
import { tableView } from '../tables/view.js';

/** The state of the checkout: what is wrong first, then what there is. */
export const doctorTable = (report: DoctorReport): Table => {
  const { problems, warnings } = report;
  const verdict =
    problems.length > 0
      ? `✗ ${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}`
      : warnings.length > 0
        ? `✓ works, with ${warnings.length} ${warnings.length === 1 ? 'warning' : 'warnings'}`
        : '✓ all is well';
  return {
    caption: verdict,
    columns: [{ title: 'What' }, { title: 'Found' }],
    rows: [
      ...problems.map((problem) => [{ text: 'problem', strong: true }, problem]),
      ...warnings.map((warning) => [{ text: 'warning', strong: true }, warning]),
      ...reportRows(report),
    ],
  };
};

export const doctorView = (report: DoctorReport): Displayable => {
  // Python's place in the checkout, so that a notebook that is passed on names no folder of this machine.
  const python = report.python === null ? null : relative(places.root, report.python);
  return tableView(doctorTable({ ...report, python }));
};
