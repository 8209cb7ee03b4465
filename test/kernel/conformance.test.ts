import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { promisify, stripVTControlCharacters } from 'node:util';
import { kernelName, places } from '../../src/setup/places.mjs';
import { needsJupyter } from './kernel-client.js';

const run = promisify(execFile);
const env = { ...process.env, JUPYTER_RUNTIME_DIR: join(places.jupyter, 'runtime') };

/** False where the suite is installed in the private environment, else why the test is skipped. */
const needsSuite = async (): Promise<false | string> => {
  if (needsJupyter) return needsJupyter;
  const lib = join(places.python, 'lib');
  const versions = await readdir(lib);
  const found = versions.some((version) => existsSync(join(lib, version, 'site-packages', 'jupyter_kernel_test')));
  return found ? false : 'needs the Python package jupyter-kernel-test';
};

test('the public suite for Jupyter kernels passes', { skip: await needsSuite() }, async () => {
  const { stderr } = await run(places.pythonExecutable, [join(import.meta.dirname, 'conformance.py')], { env });
  assert.match(stderr, /Ran 12 tests/);
  // The one that is skipped pages through documents, which Jupyter calls deprecated.
  assert.match(stderr, /OK \(skipped=1\)/);
});

suite('a notebook without a browser', { skip: needsJupyter }, () => {
  const cell = (source: string) => ({
    cell_type: 'code',
    execution_count: null,
    id: `c${source.length}`,
    metadata: {},
    outputs: [],
    source,
  });
  const notebook = (...sources: string[]) => ({
    cells: sources.map(cell),
    metadata: { kernelspec: { name: kernelName, display_name: 'TypeScript (ciard)', language: 'typescript' } },
    nbformat: 4,
    nbformat_minor: 5,
  });

  /** Runs a notebook with nbconvert; what it holds afterwards. */
  const execute = async (...sources: string[]) => {
    const folder = mkdtempSync(join(places.home, 'notebook-test-'));
    try {
      writeFileSync(join(folder, 'in.ipynb'), JSON.stringify(notebook(...sources)));
      const args = ['-m', 'nbconvert', '--to', 'notebook', '--execute', '--output', 'out.ipynb', 'in.ipynb'];
      await run(places.pythonExecutable, args, { cwd: folder, env });
      return JSON.parse(readFileSync(join(folder, 'out.ipynb'), 'utf8')) as {
        cells: { outputs: { output_type: string; data?: Record<string, unknown>; text?: string[] }[] }[];
        metadata: { language_info: { name: string } };
      };
    } finally {
      rmSync(folder, { recursive: true });
    }
  };

  test('is run by nbconvert, its results and displays kept, updates in their places', async () => {
    const { cells, metadata } = await execute(
      'const a: number = 20;\na + 1',
      "import { display } from './src/kernel/display.js';\nconst place = display('first');\nconsole.log('printed');",
      "place.update('second');",
    );
    assert.deepEqual(cells[0]?.outputs[0]?.data, { 'text/plain': ['21'] });
    assert.deepEqual(
      cells[1]?.outputs.map(({ output_type, data, text }) => [output_type, data?.['text/plain'] ?? text]),
      [
        ['display_data', ["'second'"]],
        ['stream', ['printed\n']],
      ],
    );
    assert.equal(metadata.language_info.name, 'typescript');
  });

  test('stops at an error, which is told', async () => {
    await assert.rejects(
      execute("throw new RangeError('here')", "console.log('not reached')"),
      (error: { stderr: string }) => {
        const text = stripVTControlCharacters(error.stderr);
        assert.match(text, /RangeError: here/);
        assert.match(text, /cell \[1\]:1:7/);
        return true;
      },
    );
  });
});
