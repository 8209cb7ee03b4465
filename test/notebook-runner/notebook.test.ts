import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../src/errors.js';
import { cleanNotebook, notebookText, parseNotebook } from '../../src/notebook-runner/notebook.js';

const text = `${JSON.stringify(
  {
    cells: [
      {
        cell_type: 'code',
        execution_count: 1,
        id: 'a',
        metadata: { tags: ['raises-exception'], execution: { 'iopub.execute_input': '2001-01-01' }, scrolled: true },
        outputs: [{ name: 'stdout', output_type: 'stream', text: ['x\n'] }],
        source: ['1'],
      },
    ],
    metadata: { kernelspec: { name: 'ciard' }, language_info: { name: 'typescript' }, widgets: {} },
    nbformat: 4,
    nbformat_minor: 5,
  },
  null,
  1,
)}\n`;

test('a notebook is written as it was read', () => {
  assert.equal(notebookText(parseNotebook(text, 'x.ipynb')), text);
});

test('what is of the moment leaves a notebook, what its author wrote stays', () => {
  const { cells, metadata } = cleanNotebook(parseNotebook(text, 'x.ipynb'));
  assert.deepEqual(cells[0]?.metadata, { tags: ['raises-exception'] });
  assert.deepEqual(metadata, { kernelspec: { name: 'ciard' }, language_info: { name: 'typescript' } });
});

test('a file that is no notebook is refused by name', () => {
  for (const broken of [
    '',
    '{}',
    text.replace('"nbformat": 4', '"nbformat": 3'),
    text.replace('"stream"', '"steam"'),
  ]) {
    assert.throws(
      () => parseNotebook(broken, 'x.ipynb'),
      (error) => error instanceof UserError && error.message.startsWith('x.ipynb: '),
    );
  }
});
