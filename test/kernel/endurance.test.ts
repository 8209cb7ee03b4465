import assert from 'node:assert/strict';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { places } from '../../src/setup/places.mjs';
import { errorOf, type KernelClient, needsJupyter, openKernel, patience, resultOf } from './kernel-client.js';
import { takesMinutes } from '../slow.js';

const stock = [
  process.execPath,
  join(places.nodeModules, 'tslab', 'bin', 'tslab'),
  'kernel',
  '--config-path',
  '{connection_file}',
];

/** The kernel that Jupyter's authors made for Python. */
const ipykernel = [places.pythonExecutable, '-m', 'ipykernel_launcher', '-f', '{connection_file}'];

const least = (values: readonly number[]): number => Math.min(...values);

suite('speed', { skip: needsJupyter }, () => {
  test('ready no later than ipykernel, and 1 + 1 is there no later; the next cell within a tenth of a second', async (t) => {
    const ready: Record<string, number[]> = { ours: [], ipykernel: [], stock: [] };
    const first: Record<string, number[]> = { ours: [], ipykernel: [], stock: [] };
    const next: number[] = [];
    const argv: Record<string, readonly string[] | undefined> = { ours: undefined, ipykernel, stock };
    // The machine may be busy with something else: the best of several, one beside the other.
    for (let round = 0; round < 3; round++) {
      for (const name of Object.keys(argv)) {
        const kernel: KernelClient = await openKernel(argv[name] ? { argv: argv[name], cwd: places.root } : {});
        ready[name]!.push(kernel.readyAfter);
        const run = await kernel.run('1 + 1');
        first[name]!.push(kernel.readyAfter + run.idle);
        if (name === 'ours') {
          assert.equal(resultOf(run), '2');
          next.push((await kernel.run('2 + 3')).idle);
        }
        await kernel.stop();
      }
    }
    const told = (times: Record<string, number[]>): string =>
      Object.entries(times)
        .map(([name, values]) => `${name} ${least(values).toFixed(2)} s`)
        .join(', ');
    t.diagnostic(`ready: ${told(ready)}; first 1 + 1: ${told(first)}; the next one: ${least(next).toFixed(3)} s`);
    assert.ok(least(ready['ours']!) <= 1.05 * least(ready['ipykernel']!), told(ready));
    assert.ok(least(first['ours']!) <= 1.05 * least(first['ipykernel']!), told(first));
    assert.ok(least(next) < 0.1 * patience(), `${least(next)} s`);
  });

  test('the first import of the library is typed within two seconds', async (t) => {
    /** The mistake keeps the cell from running, so that nothing but its types is waited for. */
    const typed = async (): Promise<number> => {
      const kernel = await openKernel();
      try {
        const run = await kernel.run("import * as ciard from 'ciard';\nciard.nothingOfThisName", { timeout: 60 });
        assert.match(errorOf(run)?.evalue ?? '', /'nothingOfThisName' does not exist/);
        return run.idle;
      } finally {
        await kernel.stop();
      }
    };
    // Other work comes and goes, which the load of the last minute knows little of: the best of three is the kernel's own.
    const seconds: number[] = [];
    do seconds.push(await typed());
    while (seconds.length < 3 && Math.min(...seconds) >= 2 * patience());
    t.diagnostic(`typed within ${seconds.map((each) => each.toFixed(2)).join(', ')} s of the start`);
    assert.ok(Math.min(...seconds) < 2 * patience(), `${seconds.join(', ')} s`);
  });

  test('a completion at the start is answered or refused, never waited for without a word', async () => {
    const kernel = await openKernel();
    try {
      const { content, seconds } = await kernel.request('complete_request', { code: 'Numb', cursor_pos: 4 });
      assert.ok(seconds < 2 * patience(), `${seconds} s`);
      if (content['status'] === 'error') assert.equal(content['ename'], 'CompilerLoading');
      else assert.ok((content['matches'] as string[]).includes('Number'));
    } finally {
      await kernel.stop();
    }
  });

  test('an idle kernel holds at most 250 MB in all', async (t) => {
    const kernel = await openKernel();
    try {
      await kernel.run('1 + 1');
      await sleep(2000);
      const held = await kernel.memory();
      t.diagnostic(`${(held / 1e6).toFixed(0)} MB`);
      assert.ok(held < 250e6, `${held} bytes`);
    } finally {
      await kernel.stop();
    }
  });
});

suite('endurance', { skip: needsJupyter || takesMinutes }, () => {
  test('a thousand cells leave memory where it was', async (t) => {
    const kernel = await openKernel();
    try {
      const cells = (from: number, count: number): string[] =>
        Array.from({ length: count }, (_, at) =>
          [
            `const list: number[] = Array.from({ length: 2000 }, (_, i) => i + ${from + at});`,
            `function total(values: number[]) { return values.reduce((a, b) => a + b, 0); }`,
            `if (${at} % 50 === 0) console.log(total(list));`,
            'total(list)',
          ].join('\n'),
        );
      const run = async (from: number, count: number): Promise<void> => {
        const runs = await kernel.runAll(cells(from, count), { timeout: 600 });
        assert.ok(runs.every(({ reply }) => reply.status === 'ok'));
      };
      await kernel.run("import v8 from 'node:v8';\nimport vm from 'node:vm';\nv8.setFlagsFromString('--expose-gc');");
      /** What is alive, in bytes. What its processes hold besides depends on when garbage was last collected. */
      const alive = async (): Promise<number> =>
        Number(resultOf(await kernel.run("vm.runInNewContext('gc')();\nprocess.memoryUsage().heapUsed")));
      await run(0, 400);
      const early = await alive();
      const heldEarly = await kernel.memory();
      await run(400, 600);
      const late = await alive();
      const held = await kernel.memory();
      t.diagnostic(
        `alive: ${(early / 1e6).toFixed(0)} MB after 400 cells, ${(late / 1e6).toFixed(0)} MB after 1000; ` +
          `its processes hold ${(heldEarly / 1e6).toFixed(0)} and ${(held / 1e6).toFixed(0)} MB`,
      );
      assert.ok(late < early + 30e6, `${early} bytes after 400 cells, ${late} after 1000`);
    } finally {
      await kernel.stop();
    }
  });
});
