import assert from 'node:assert/strict';
import { test } from 'node:test';
import { missingOutputs } from '../../src/notebook-runner/missing-outputs.js';
import type { Notebook, Output } from '../../src/notebook-runner/notebook.js';

const notebook = (...cells: (Output[] | null)[]): Notebook => ({
  nbformat: 4,
  metadata: {},
  cells: [
    { cell_type: 'markdown', metadata: {} },
    ...cells.map((outputs, index) => ({
      cell_type: 'code' as const,
      metadata: {},
      execution_count: outputs === null ? null : index + 1,
      outputs: outputs ?? [],
    })),
  ],
});
const shown = (...types: string[]): Output => ({
  output_type: 'display_data',
  data: Object.fromEntries(types.map((type) => [type, type])),
});
const printed = (name: string): Output => ({ output_type: 'stream', name, text: 'x' });

test('an execution that shows the same kinds, with other contents or more of them, misses nothing', () => {
  const committed = notebook([printed('stdout'), shown('text/plain', 'image/png')], []);
  const executed = notebook([shown('image/png', 'text/plain', 'text/html'), printed('stdout')], [printed('stdout')]);
  assert.deepEqual(missingOutputs(committed, executed), []);
});

test('what an execution no longer shows is named with the number of its code cell', () => {
  const committed = notebook(
    [printed('stdout')],
    [shown('text/plain', 'image/svg+xml'), shown('text/plain', 'image/svg+xml')],
  );
  assert.deepEqual(
    missingOutputs(committed, notebook([], [shown('text/plain', 'image/svg+xml'), shown('text/plain')])),
    [
      { cell: 1, kind: 'stdout' },
      { cell: 2, kind: 'image/svg+xml' },
    ],
  );
});

test('a notebook that was committed without outputs is found out', () => {
  assert.deepEqual(missingOutputs(notebook([], null), notebook([], [])), [{ cell: 2, kind: 'execution count' }]);
});
