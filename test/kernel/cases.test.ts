import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, suite, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import {
  type CellRun,
  errorOf,
  type KernelClient,
  needsJupyter,
  openKernel,
  patience,
  resultOf,
  streamOf,
} from './kernel-client.js';

/** Cells after public bug reports of neighbouring kernels: what strangers paste, throw and show. */
suite('cells of strangers', { skip: needsJupyter }, () => {
  let kernel: KernelClient;
  before(async () => {
    kernel = await openKernel();
  });
  after(() => kernel.stop());

  const succeed = async (code: string): Promise<string | undefined> => {
    const run = await kernel.run(code);
    assert.equal(run.reply.status, 'ok', run.reply.traceback?.join('\n'));
    return resultOf(run);
  };
  const fail = async (code: string): Promise<{ ename: string; evalue: string; text: string; run: CellRun }> => {
    const run = await kernel.run(code);
    const error = errorOf(run);
    assert.ok(error, JSON.stringify(run.reply).slice(0, 500));
    assert.equal(run.reply.status, 'error');
    assert.ok([error.ename, error.evalue, ...error.traceback].every((part) => typeof part === 'string'));
    return { ...error, text: stripVTControlCharacters(error.traceback.join('\n')), run };
  };

  test('code too deep for the compiler is an error that says so, and the next cell runs', async () => {
    await succeed('const kept = 41;');
    const chain = `class Chained { next(): Chained { return this } }\nnew Chained()${'\n.next()'.repeat(6000)}`;
    const { evalue } = await fail(chain);
    assert.match(evalue, /nested or chained too deeply/);
    assert.equal(await succeed('kept + 1'), '42');
    await kernel.request('complete_request', { code: chain, cursor_pos: chain.length });
    await kernel.request('inspect_request', { code: chain, cursor_pos: chain.length, detail_level: 0 });
    assert.equal(await succeed('kept + 1'), '42');
  });

  test('a cause that leads back to its error is told once', async () => {
    const { text } = await fail("const ring: any = new Error('loop'); ring.cause = ring; throw ring");
    assert.match(text, /Error: loop\n\nCaused by:\n\[Circular: Error\]$/);
  });

  test('errors that can hardly be told are told with what can be', async () => {
    const [message, stack, getter, none, errors, name] = [
      await fail("throw Object.assign(new Error('real'), { message: { code: 404 } })"),
      await fail("const own: any = new Error('own stack'); own.stack = own; throw own"),
      await fail(
        "const bad = new Error('g'); Object.defineProperty(bad, 'bad', { enumerable: true, get() { throw new Error('getter') } }); throw bad",
      ),
      await fail("throw Object.assign(new Error('m'), { message: undefined })"),
      await fail("throw Object.assign(new AggregateError([], 'empty'), { errors: undefined })"),
      await fail("throw Object.assign(new Error('m'), { name: undefined })"),
    ];
    assert.equal(message.evalue, '{ code: 404 }');
    assert.equal(stack.evalue, 'own stack');
    assert.equal(getter.evalue, 'g');
    assert.equal(none.evalue, '');
    assert.equal(errors.ename, 'AggregateError');
    assert.deepEqual([name.ename, name.evalue], ['Error', 'm']);
    const runs = await kernel.runAll(["throw Object.assign(new Error('m'), { name: undefined })", '1']);
    assert.equal(runs[1]?.reply.status, 'aborted');
  });

  test('characters are sent whole; a half of one as U+FFFD', async () => {
    const run = await kernel.run("console.log('x'.repeat(65535) + '😀')");
    for (const { content } of run.outputs) assert.ok(!JSON.stringify(content).includes('\\ud8'));
    assert.ok(streamOf(run, 'stdout').endsWith('x😀\n'));
    assert.equal(streamOf(await kernel.run("console.log('\\ud83d')"), 'stdout'), '\uFFFD\n');
  });

  test('namespaces, what is merged with them and properties of functions last', async () => {
    await succeed('namespace N { export const z = 4 }');
    await succeed('class Both { a = 1 }\nnamespace Both { export const b = 2 }');
    await succeed('function ex() { return 1 }\nex.prop = 5;');
    await succeed('1');
    assert.equal(await succeed('N.z'), '4');
    assert.equal(await succeed('Both.b + new Both().a'), '3');
    await succeed('const z = 1, y = 2;');
    assert.equal(await succeed('ex.prop + ex()'), '6');
    await succeed('const z = "z";');
    assert.equal(await succeed('z + y'), "'z2'");
  });

  test('declare global and declare module', async () => {
    await succeed('declare global { var myG: number }\nglobalThis.myG = 3;');
    await succeed("declare module 'foo-untyped';\ndeclare module 'foo-typed' { export const x: number }");
    assert.equal(await succeed('myG'), '3');
    assert.match(
      (await fail("import { x } from 'foo-typed';\nx.length")).evalue,
      /'length' does not exist on type 'number'/,
    );
  });

  test('a proxy is shown as Node shows it; a display method that gives no bundle is an error', async () => {
    const throwing = 'new Proxy({} as any, { get(_, k) { throw new Error(`no property ${String(k)}`) } })';
    assert.equal(await succeed(throwing), '{}');
    const answering = 'new Proxy({}, { get: (_, k) => (...a: any[]) => `${String(k)}(${a})` })';
    assert.equal(await succeed(`const api: any = ${answering}; api`), '{}');
    assert.match((await fail("({ [Symbol.for('Jupyter.display')]: () => 'text' })")).evalue, /it is to give a bundle/);
    assert.match((await fail("({ [Symbol.for('Jupyter.display')]: () => undefined })")).evalue, /gave undefined/);
  });

  test('what was pasted from a file runs as it would there', async () => {
    assert.equal(streamOf(await kernel.run("#!/usr/bin/env node\nconsole.log('hi')"), 'stdout'), 'hi\n');
    assert.match((await succeed('export default function () { return 1 }')) ?? '', /Function/);
    assert.match((await succeed('export default class { a = 1 }')) ?? '', /class/);
    assert.equal(await succeed('export default { a: 1, b: 2 }'), '{ a: 1, b: 2 }');
    assert.equal(await succeed("import { UserError } from './src/errors.ts';\ntypeof UserError"), "'function'");
  });

  test('a long line is cut in what is told of it, and so are many complaints', async () => {
    const { text } = await fail(`const minified = [${'nothing1(),'.repeat(5200)}];`);
    assert.ok(text.length < 20_000, `${text.length} characters`);
    assert.match(text, /…/);
  });

  test('commands of IPython get one line of help', async () => {
    for (const code of [
      '%timeit 1 + 1',
      '%%bash\nls',
      '!ls',
      '!pip install torch',
      'const a = 1;\n%matplotlib inline',
    ]) {
      const { evalue, text } = await fail(code);
      assert.match(evalue, /is a command of IPython/, code);
      assert.equal(text.split('\n').length, 1);
    }
    await succeed('const flag = true;');
    assert.equal(await succeed('!flag'), 'false');
  });

  test('prompt is typed, and refused as all input is', async () => {
    assert.match((await fail("prompt('name?')")).evalue, /no keyboard/);
  });

  test('a silent request does not mute what earlier cells print', async () => {
    const code =
      "setTimeout(() => console.log('early'), 400);\nexport const wait = (ms: number) => new Promise((r) => setTimeout(r, ms));";
    await succeed(code);
    const silent = await kernel.run("console.log('muted'); await wait(700); console.log('muted too');", {
      options: { silent: true },
    });
    assert.deepEqual(silent.order, ['busy', 'idle']);
    await sleep(100 * patience());
  });
});
