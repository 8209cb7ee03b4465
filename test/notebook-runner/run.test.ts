import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { execa } from 'execa';
import { InterruptedError, UserError } from '../../src/errors.js';
import { codeCells, parseNotebook } from '../../src/notebook-runner/notebook.js';
import { findNotebooks, reportLines, runNotebook } from '../../src/notebook-runner/run.js';
import type { ProgressEvent } from '../../src/progress.js';
import { places } from '../../src/setup/places.mjs';
import { temporaryFolder } from '../temporary.js';
import { needsJupyter } from '../kernel/kernel-client.js';

const folder = temporaryFolder();

const write = (name: string, ...sources: string[]): string => {
  const file = join(folder, `${name}.ipynb`);
  const cells = sources.map((source, i) => ({
    cell_type: 'code',
    execution_count: null,
    id: `cell-${i}`,
    metadata: {},
    outputs: [],
    source: source.split(/(?<=\n)/),
  }));
  const title = { cell_type: 'markdown', id: 'title', metadata: {}, source: ['# Title'] };
  const text = {
    cells: [title, ...cells],
    metadata: { kernelspec: { name: 'ciard' } },
    nbformat: 4,
    nbformat_minor: 5,
  };
  writeFileSync(file, JSON.stringify(text));
  return file;
};
const outputsOf = (file: string) => codeCells(parseNotebook(readFileSync(file, 'utf8'), file)).map((c) => c.outputs);
const folders = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('ciard-notebook-'));

test(
  'outputs are written, the same again, and a check finds what later goes missing',
  { skip: needsJupyter },
  async () => {
    const file = write(
      'shows',
      `import { display, mime } from './src/kernel/display.js';
const place = display(mime({ 'text/plain': 'before' }));
place.update(mime({ 'text/plain': 'after', 'image/svg+xml': '<svg/>' }));`,
      `console.log(typeof process.env['CIARD_NOTEBOOK_RUNS'], process.env['CIARD_NOTEBOOK_BUDGET']);`,
      `6 * 7`,
    );
    const events: ProgressEvent[] = [];
    const report = await runNotebook(file, { progress: (event) => events.push(event) });
    assert.deepEqual([report.failure, report.missing, report.written, report.cells], [undefined, [], true, 3]);
    assert.deepEqual(events.at(-1), { task: 'shows', done: 3, total: 3 });
    const [figure, environment, answer] = outputsOf(file);
    assert.deepEqual(figure, [
      {
        data: { 'image/svg+xml': ['<svg/>'], 'text/plain': ['after'] },
        metadata: {},
        output_type: 'display_data',
      },
    ]);
    assert.deepEqual(environment, [{ name: 'stdout', output_type: 'stream', text: ['string full\n'] }]);
    assert.deepEqual(answer, [
      { data: { 'text/plain': ['42'] }, execution_count: 3, metadata: {}, output_type: 'execute_result' },
    ]);

    const first = readFileSync(file, 'utf8');
    await runNotebook(file);
    assert.equal(readFileSync(file, 'utf8'), first, 'a second execution writes the same bytes');

    const edited = first.replace(/place\.update[^"]*/, 'place.update(mime({}));').replace('6 * 7', 'void 0');
    writeFileSync(file, edited);
    const check = await runNotebook(file, { check: true, budget: 'small' });
    assert.deepEqual(check.missing, [
      { cell: 1, kind: 'image/svg+xml' },
      { cell: 1, kind: 'text/plain' },
      { cell: 3, kind: 'text/plain' },
    ]);
    assert.equal(check.written, false);
    assert.equal(readFileSync(file, 'utf8'), edited, 'a check writes nothing');
    assert.match(reportLines(check).join('\n'), /outputs are missing\n {2}cell \[1\] no longer gives image\/svg\+xml/);
  },
);

test('a cell that fails is told with its traceback, and nothing is written', { skip: needsJupyter }, async () => {
  const file = write('fails', '1', "const size: number = 3;\nif (size > 2) throw new RangeError('too large');", '3');
  const before = readFileSync(file, 'utf8');
  const report = await runNotebook(file);
  assert.equal(report.written, false);
  assert.equal(report.failure?.cell, 2);
  assert.equal(report.failure.name, 'RangeError');
  assert.match(reportLines(report).join('\n'), /cell \[2\] failed[^]*at cell \[2\]:2[^]*too large/);
  assert.equal(readFileSync(file, 'utf8'), before);
});

test('a session or a kernel that dies is a failed cell', { skip: needsJupyter }, async () => {
  for (const [victim, name] of [
    ['pid', 'SessionEnded'],
    ['ppid', 'DeadKernel'],
  ] as const) {
    const file = write(
      `dies-${victim}`,
      '1',
      `process.kill(process.${victim}, 'SIGTERM');\nawait new Promise((resolve) => setTimeout(resolve, 600_000));`,
    );
    const { failure, written } = await runNotebook(file);
    assert.deepEqual([failure?.name, failure?.cell, written], [name, 2, false]);
  }
});

test('a notebook that takes too long is ended', { skip: needsJupyter }, async () => {
  const file = write('late', 'await new Promise((resolve) => setTimeout(resolve, 600_000));');
  const { failure, seconds } = await runNotebook(file, { timeout: 2 });
  assert.equal(failure?.name, 'Timeout');
  assert.ok(seconds < 60, `${seconds} s`);
});

test('an output that names a path of this machine is refused', { skip: needsJupyter }, async () => {
  const file = write('tells', "console.log(process.cwd() + '/runs')");
  await assert.rejects(runNotebook(file), (error) => {
    assert.ok(error instanceof UserError);
    assert.match(error.message, /^tells, cell \[1\]: its output names .* Nothing was written/);
    return true;
  });
});

test('an interrupt ends the kernel and leaves nothing behind', { skip: needsJupyter }, async () => {
  const mark = `wait-${process.pid}`;
  const file = write(mark, '1', 'await new Promise((resolve) => setTimeout(resolve, 600_000));');
  const before = folders();
  const controller = new AbortController();
  await assert.rejects(
    runNotebook(file, {
      signal: controller.signal,
      progress: ({ done }) => {
        if (done === 1) controller.abort();
      },
    }),
    InterruptedError,
  );
  assert.deepEqual(folders(), before);
  const { stdout } = await execa('ps', ['-eo', 'args']);
  assert.doesNotMatch(stdout, new RegExp(`execute\\.py .*${mark}`));
});

test('a notebook is named by its name or its path; others are refused', async () => {
  const folder = temporaryFolder();
  for (const name of ['b.ipynb', 'a.ipynb', 'notes.txt']) writeFileSync(join(folder, name), '{}');
  const a = join(folder, 'a.ipynb');
  assert.deepEqual(await findNotebooks([], folder), [a, join(folder, 'b.ipynb')]);
  assert.deepEqual(await findNotebooks(['a', 'a.ipynb', a], folder), [a, a, a]);
  for (const name of ['notes.txt', 'c', join(places.root, 'a.ipynb')]) {
    await assert.rejects(findNotebooks([name], folder), (error) => {
      assert.ok(error instanceof UserError);
      assert.match(error.message, /there is no notebook .* Known are a, b\./);
      return true;
    });
  }
});

test('a file that is no notebook is one error', async () => {
  const file = join(folder, 'broken.ipynb');
  writeFileSync(file, '{');
  await assert.rejects(runNotebook(file), UserError);
});
