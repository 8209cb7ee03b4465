import { relative } from 'node:path';
import type { Displayable } from '../display.js';
import type { DoctorReport } from '../doctor/report.js';
import { places } from '../setup/places.mjs';
import { tableView, type Table } from './table.js';

/** The state of the checkout: what is wrong first, then what there is. */
export const doctorTable = (report: DoctorReport): Table => {
  const { tensorflow, problems, warnings } = report;
  const verdict =
    problems.length > 0
      ? `✗ ${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}`
      : warnings.length > 0
        ? `✓ works, with ${warnings.length} ${warnings.length === 1 ? 'warning' : 'warnings'}`
        : '✓ all is well';
  const commit =
    report.commit === null ? 'no git' : `commit ${report.commit.slice(0, 10)}${report.modified ? ', modified' : ''}`;
  return {
    caption: verdict,
    columns: [{ title: 'What' }, { title: 'Found' }],
    rows: [
      ...problems.map((problem) => [{ text: 'problem', strong: true }, problem]),
      ...warnings.map((warning) => [{ text: 'warning', strong: true }, warning]),
      ['ciard', `${report.version} (${commit})`],
      ['Node', report.node],
      ['TensorFlow', tensorflow?.version ?? 'does not load'],
      ['device', tensorflow ? (tensorflow.gpu ?? tensorflow.device.toUpperCase()) : 'none'],
      ['GPUs present', report.gpus.length > 0 ? report.gpus.join(', ') : 'none'],
      ['oneDNN', tensorflow ? (tensorflow.oneDnn ? 'on' : 'off') : 'unknown'],
      ['threads', String(tensorflow?.threads ?? report.threads)],
      ['DVC', report.dvc ?? 'missing'],
      // Of the checkout's own, so that a notebook that is passed on names no folder of this machine.
      ['Python', report.python === null ? 'missing' : relative(places.root, report.python)],
      ['kernel', report.kernel ?? 'missing'],
      ['free disk', `${(report.freeDisk / 1e9).toFixed(1)} GB`],
      ['machine', `${report.platform}, ${report.cpu}, ${report.threads} processors`],
    ],
  };
};

export const doctorView = (report: DoctorReport): Displayable => tableView(doctorTable(report));
