import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { test } from 'node:test';
import { cleanNotebook, codeCells, notebookText, parseNotebook } from '../../src/notebook-runner/notebook.js';
import { findNotebooks, reportLines, runNotebook } from '../../src/notebook-runner/run.js';
import { needsJupyter } from '../kernel/kernel-client.js';
import { takesMinutes } from '../slow.js';

const files = await findNotebooks([]);

for (const file of files) {
  const name = basename(file, '.ipynb');
  const text = readFileSync(file, 'utf8');
  const notebook = parseNotebook(text, file);
  const cells = codeCells(notebook);

  test(`${name} is committed as a whole run wrote it`, () => {
    assert.equal(notebookText(cleanNotebook(notebook)), text, 'written by "ciard notebooks run"');
    assert.deepEqual(
      cells.map(({ execution_count: count }) => count),
      cells.map((_, i) => i + 1),
    );
    for (const output of cells.flatMap(({ outputs }) => outputs)) {
      assert.ok(output.output_type !== 'error');
      if (output.output_type === 'stream') assert.equal(output.name, 'stdout');
      // Where plotly is not, a picture is.
      else if ('application/vnd.plotly.v1+json' in output.data) assert.ok('image/svg+xml' in output.data);
    }
  });

  test(`${name} opens with what it examines`, () => {
    const [first] = notebook.cells;
    assert.equal(first?.cell_type, 'markdown');
    assert.match([first['source']].flat().join(''), /^# .+\n\n\*\*(Question|Claim)\.\*\* /);
  });

  // One shows what all have in common; the others take a minute and a half each.
  const skip = needsJupyter || (file !== files[0] && takesMinutes);
  test(`${name} runs from top to bottom and shows what it showed`, { skip }, async () => {
    const report = await runNotebook(file, { check: true, budget: 'small', timeout: 900 });
    assert.ok(report.failure === undefined && report.missing.length === 0, reportLines(report).join('\n'));
  });
}
