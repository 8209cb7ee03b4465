import type { Displayable } from '../display.js';
import type { Verification } from '../dvc/verify.js';
import { tableView } from '../tables/view.js';

const signs = { verified: '✓', changed: '✗', absent: '–' } as const;

/** The proof of the data sets by content. */
export const verificationView = (verifications: readonly Verification[]): Displayable =>
  tableView({
    caption: 'Data sets, proven by content',
    columns: [{ title: 'Data set' }, { title: 'State' }, { title: 'What that means' }],
    rows: verifications.map(({ dataset, state, message }) => [dataset, `${signs[state]} ${state}`, message]),
  });
