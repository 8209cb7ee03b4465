import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, suite, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { errorOf, type KernelClient, needsJupyter, openKernel, patience, resultOf, streamOf } from './kernel-client.js';

/** The processes that `parent` started, by what they were started with. */
const childrenOf = (parent: number): { pid: number; command: string }[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
        if (Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) !== parent) return [];
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return [{ pid: Number(name), command }];
      } catch {
        return [];
      }
    });

const isGone = (pid: number): boolean => {
  if (!existsSync(`/proc/${pid}`)) return true;
  try {
    // What nobody has waited for yet is no process any more.
    return /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return true;
  }
};

/** Whether `condition` comes true within `seconds`. */
const comes = async (condition: () => boolean, seconds: number): Promise<boolean> => {
  const until = performance.now() + 1000 * seconds;
  while (performance.now() < until) {
    if (condition()) return true;
    await sleep(50);
  }
  return condition();
};

suite('a kernel whose cells change JavaScript itself', { skip: needsJupyter }, () => {
  let kernel: KernelClient;
  before(async () => {
    kernel = await openKernel();
    assert.equal((await kernel.run('let kept = 41;')).reply.status, 'ok');
  });
  after(() => kernel.stop());

  const changes = {
    'Promise, timers': ['Promise', 'setTimeout', 'setImmediate', 'setInterval', 'clearInterval', 'queueMicrotask'],
    'process, Buffer, JSON': ['process', 'Buffer', 'JSON', 'TextDecoder', 'URL'],
    'Map, Set, Array': ['Map', 'Set', 'WeakMap', 'WeakSet', 'Array', 'Proxy', 'Reflect'],
    'Object, Error, String': ['Object', 'Error', 'String', 'Number', 'RegExp', 'Atomics'],
  };
  const still = async (): Promise<void> => {
    assert.equal(resultOf(await kernel.run('await null;\nkept + 1')), '42');
    const failed = await kernel.run("throw 'wanted'");
    assert.equal(errorOf(failed)?.ename, 'Thrown');
    const stopped = await kernel.run('for (;;) await null;', { interruptAfter: [1.5] });
    assert.equal(errorOf(stopped)?.ename, 'InterruptedError');
    assert.equal(resultOf(await kernel.run('kept')), '41', 'the session is the same one');
  };

  for (const [name, names] of Object.entries(changes)) {
    test(`goes on without ${name}`, async () => {
      const list = JSON.stringify(names);
      const code = `const saved: any = {};\nfor (const name of ${list}) { saved[name] = (globalThis as any)[name]; (globalThis as any)[name] = undefined; }`;
      assert.equal((await kernel.run(code)).reply.status, 'ok');
      await still();
      await kernel.run('for (const name in saved) (globalThis as any)[name] = saved[name];');
    });
  }

  for (const [name, change, back] of [
    [
      'Array.prototype.push',
      'push: any = Array.prototype.push; Array.prototype.push = () => { throw 1 };',
      'Array.prototype.push = push;',
    ],
    [
      'Promise.prototype.then',
      'then: any = Promise.prototype.then; Promise.prototype.then = () => { throw 1 };',
      'Promise.prototype.then = then;',
    ],
    [
      'process.nextTick',
      'tick: any = process.nextTick; process.nextTick = (() => { throw 1 }) as any;',
      'process.nextTick = tick;',
    ],
    [
      'EventEmitter.prototype.emit',
      "emit: any = require('node:events').prototype.emit; require('node:events').prototype.emit = () => { throw 1 };",
      "require('node:events').prototype.emit = emit;",
    ],
    [
      'JSON.stringify',
      'stringify: any = JSON.stringify; JSON.stringify = () => { throw 1 };',
      'JSON.stringify = stringify;',
    ],
    [
      'fs.writeSync',
      "write: any = require('node:fs').writeSync; require('node:fs').writeSync = () => { throw 1 };",
      "require('node:fs').writeSync = write;",
    ],
  ] as const) {
    test(`goes on with another ${name}`, async () => {
      const run = await kernel.run(`var ${change}`);
      assert.equal(run.reply.status, 'ok', JSON.stringify(run.reply));
      await still();
      assert.equal((await kernel.run(back)).reply.status, 'ok');
    });
  }

  test('goes on with properties that all objects have, and with no listener', async () => {
    await kernel.run(
      "for (const name of ['then', 'toJSON', 'timeout', 'own', 'length']) (Object.prototype as any)[name] = 1;",
    );
    await still();
    await kernel.run(
      "for (const name of ['then', 'toJSON', 'timeout', 'own', 'length']) delete (Object.prototype as any)[name];",
    );
    await kernel.run('process.removeAllListeners();\nsetTimeout(() => { throw new Error("late") }, 20);');
    await sleep(200 * patience());
    await still();
    await kernel.run('(globalThis as any).console = undefined;\nprocess.stdout.write = () => { throw 1 };');
    await still();
  });
});

suite('a kernel whose cells end their process', { skip: needsJupyter }, () => {
  let kernel: KernelClient;
  before(async () => {
    // So that memory runs out in seconds.
    kernel = await openKernel({ env: { NODE_OPTIONS: '--max-old-space-size=300' } });
  });
  after(() => kernel.stop());

  const ends: readonly (readonly [string, string, RegExp])[] = [
    ['process.exit', 'process.exit(3)', /exit code 3/],
    [
      'process.exit in a timer',
      'setTimeout(() => process.exit(0), 50); await new Promise(() => undefined)',
      /exit code 0/,
    ],
    ['process.abort', 'process.abort()', /SIGABRT/],
    [
      'a native crash',
      "process.kill(process.pid, 'SIGSEGV'); await new Promise(() => undefined)",
      /native code.*SIGSEGV/,
    ],
    [
      'memory that runs out',
      'const all: number[][] = []; for (;;) all.push(new Array(1e5).fill(1.5));',
      /memory ran out/,
    ],
    [
      'closed streams',
      "const { closeSync } = await import('node:fs');\nfor (let fd = 0; fd < 100; fd++) try { closeSync(fd) } catch {}\nawait new Promise(() => undefined)",
      /streams|SIGABRT/,
    ],
    [
      'a closed stream of orders',
      "const { closeSync } = await import('node:fs'); closeSync(3); await new Promise(() => undefined)",
      /streams/,
    ],
    [
      'a closed stream of words',
      "const { closeSync } = await import('node:fs'); closeSync(4); console.log(1); await new Promise(() => undefined)",
      /streams/,
    ],
  ];
  for (const [name, code, why] of ends) {
    test(`${name}: says what happened, what is lost; the queue is aborted, the next cell runs`, async () => {
      await kernel.run('let mine = 1;');
      const [ended, queued] = await kernel.runAll([code, '2'], { timeout: 60 });
      const error = errorOf(ended!);
      assert.equal(error?.ename, 'SessionEnded', JSON.stringify(ended?.reply));
      assert.match(error.evalue, why);
      assert.match(error.evalue, /is lost, and the next cell runs in a new session/);
      assert.equal(queued?.reply.status, 'aborted');
      assert.equal(resultOf(await kernel.run('1 + 1')), '2');
      assert.match(errorOf(await kernel.run('mine'))?.evalue ?? '', /Cannot find name 'mine'/);
      assert.ok(await kernel.alive());
    });
  }

  test('between two cells: is told, and the next cell runs', async () => {
    await kernel.run('setTimeout(() => process.exit(5), 20);');
    await sleep(500 * patience());
    assert.equal(resultOf(await kernel.run('1 + 1')), '2');
  });

  test('a compiler that ends is replaced by one that knows what cells declared', async () => {
    await kernel.run('interface Known { a: number }\nconst known: Known = { a: 5 };');
    const compiler = childrenOf(kernel.pid).find(({ command }) => /snapshot-blob|compiler\/main/.test(command));
    assert.ok(compiler);
    process.kill(compiler.pid, 'SIGKILL');
    assert.equal(resultOf(await kernel.run('const other: Known = known;\nother.a', { timeout: 60 })), '5');
    assert.match(errorOf(await kernel.run("const wrong: Known = { a: 'x' };"))?.evalue ?? '', /not assignable/);
  });
});

suite('what is printed', { skip: needsJupyter }, () => {
  let kernel: KernelClient;
  before(async () => {
    kernel = await openKernel();
  });
  after(() => kernel.stop());

  test('by a child, or into the stream itself, lands in the cell', async () => {
    const code = [
      "import { execSync, spawn } from 'node:child_process';",
      "import { writeSync } from 'node:fs';",
      "execSync('echo inherited; echo error >&2', { stdio: 'inherit' });",
      "const child = spawn('sh', ['-c', 'echo later'], { stdio: 'inherit' });",
      "await new Promise((resolve) => child.on('exit', resolve));",
      "writeSync(1, 'raw\\n');",
    ].join('\n');
    const run = await kernel.run(code);
    assert.equal(run.reply.status, 'ok', JSON.stringify(run.reply));
    assert.equal(streamOf(run, 'stdout'), 'inherited\nlater\nraw\n');
    assert.equal(streamOf(run, 'stderr'), 'error\n');
  });

  test('and fails after a cell is shown where it arose', async () => {
    const [first, second] = await kernel.runAll([
      'setTimeout(() => { console.log("from the first"); throw new RangeError("late") }, 300);',
      'await new Promise((resolve) => setTimeout(resolve, 1500)); console.log("second");',
    ]);
    assert.equal(streamOf(first!, 'stdout'), 'from the first\n');
    assert.match(stripVTControlCharacters(streamOf(first!, 'stderr')), /RangeError: late/);
    assert.equal(streamOf(second!, 'stdout'), 'second\n');
    assert.equal(streamOf(second!, 'stderr'), '');
  });

  test('in a hundred megabytes is cut, which is said; the end is shown; memory is bounded', async (t) => {
    const before = await kernel.memory();
    const run = await kernel.run(
      "const line = 'y'.repeat(1023) + '\\n';\nfor (let i = 0; i < 100; i++) process.stdout.write(line.repeat(1024));\nconsole.log('the end');",
      { timeout: 120 },
    );
    const text = streamOf(run, 'stdout');
    assert.ok(text.length < 6e6, `${text.length} characters`);
    assert.match(text, /\[10\d\.\d million characters are not shown; the last ones:\]/);
    assert.ok(text.endsWith('the end\n'));
    const grown = (await kernel.memory()) - before;
    t.diagnostic(`its processes grew by ${(grown / 1e6).toFixed(0)} MB`);
    assert.ok(grown < 200e6, `${grown} bytes`);
    assert.equal(resultOf(await kernel.run('1 + 1')), '2');
  });

  test('in one line of three megabytes is cut, which is said', async () => {
    const text = streamOf(await kernel.run("console.log('x'.repeat(3e6)); console.log('next')"), 'stdout');
    assert.ok(text.length < 300_000);
    assert.match(text, /… \[2\.8 million more characters of this line are not shown\]\nnext\n$/);
  });

  test('in a hundred thousand displays and updates is thinned out; the last update is seen', async () => {
    const code = [
      "import { display } from './src/kernel/display.js';",
      "const place = display('begun');",
      'for (let i = 0; i < 100_000; i++) place.update(i);',
      'for (let i = 0; i < 100_000; i++) display(i);',
    ].join('\n');
    const run = await kernel.run(code, { timeout: 120 });
    const updates = run.outputs.filter(({ type }) => type === 'update_display_data');
    assert.ok(updates.length < 5000, `${updates.length} updates`);
    assert.deepEqual(updates.at(-1)?.content['data'], { 'text/plain': '99999' });
    assert.ok(run.outputs.filter(({ type }) => type === 'display_data').length <= 10_001);
    assert.match(streamOf(run, 'stderr'), /90,001 more displays are not shown/);
    assert.equal(resultOf(await kernel.run('1 + 1')), '2');
  });
});

suite('a kernel that is killed', { skip: needsJupyter }, () => {
  test('leaves nothing behind, neither its processes nor what cells have started', async () => {
    const kernel = await openKernel();
    const run = await kernel.run(
      "import { spawn } from 'node:child_process';\nconst child = spawn('sleep', ['1000']);\n`${process.pid} ${child.pid}`",
    );
    const started = resultOf(run)!.replaceAll("'", '').split(' ').map(Number);
    const all = [...childrenOf(kernel.pid).map(({ pid }) => pid), ...started];
    assert.ok(all.length >= 4);
    // A cell holds the session's thread meanwhile.
    const spinning = assert.rejects(kernel.run('for (;;);', { timeout: 3 }));
    await sleep(1500);
    process.kill(kernel.pid, 'SIGKILL');
    assert.ok(
      await comes(() => all.every(isGone), 2 * patience()),
      `left: ${all.filter((pid) => !isGone(pid)).join(', ')}`,
    );
    await spinning;
    await kernel.stop();
  });
});
