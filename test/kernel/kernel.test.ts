import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { places } from '../../src/setup/places.mjs';
import { errorOf, type KernelClient, needsJupyter, openKernel, resultOf, streamOf } from './kernel-client.js';

suite('a kernel, through the Jupyter protocol', { skip: needsJupyter }, () => {
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

  suite('results', () => {
    test('the last expression is the result, numbered as the reply is', async () => {
      const run = await kernel.run('const six = 6;\nsix * 7');
      assert.equal(resultOf(run), '42');
      const result = run.outputs.find(({ type }) => type === 'execute_result');
      assert.equal(result?.content['execution_count'], run.reply.execution_count);
    });

    test('a cell goes busy, tells its input, and is idle after its last output', async () => {
      const { order } = await kernel.run('console.log("a"); 1');
      assert.deepEqual(order, ['busy', 'execute_input', 'stream', 'execute_result', 'idle']);
    });

    test('a cell that ends with a declaration, or in nothing, has no result', async () => {
      assert.equal(resultOf(await kernel.run('const nothing = 1')), undefined);
      assert.equal(resultOf(await kernel.run('undefined')), undefined);
    });

    test('await stands at the top, in loops as well', async () => {
      assert.equal(await succeed('const later = await Promise.resolve(5);\nlater'), '5');
      assert.equal(await succeed('let sum = 0;\nfor await (const n of [1, Promise.resolve(2)]) sum += n;\nsum'), '3');
    });

    test('variables, functions and types are declared again, with other types', async () => {
      await succeed('let thing = 1;\nfunction make() { return thing; }\ninterface Shape { a: number }');
      await succeed('let thing = "one";\nfunction make() { return thing.length; }\ninterface Shape { b: string }');
      assert.equal(await succeed('const shape: Shape = { b: "x" };\nmake() + shape.b'), "'3x'");
    });

    test('later cells assign to the variables of earlier ones', async () => {
      await succeed('let counter = 1;');
      await succeed('counter += 4;');
      assert.equal(await succeed('counter'), '5');
    });

    test('functions see what later cells assign, and are seen to assign', async () => {
      await succeed(
        'let level = 1, other = 2;\nconst read = () => level;\nfunction raise() { level += 1; return { level }; }',
      );
      await succeed('level = 10;');
      assert.equal(await succeed('[read(), raise().level, level]'), '[ 10, 11, 11 ]');
      await succeed('let [left, right] = new Set([1, 2]);');
      assert.equal(await succeed('left + right + other'), '5');
    });

    test('names of earlier cells stand wherever names can: shorthands, patterns, assignments', async () => {
      await succeed('interface Pair { one: number; two?: number }\nconst pair: Pair = { one: 1 };\nlet one = 5;');
      assert.equal(await succeed('({ pair, one })'), '{ pair: { one: 1 }, one: 5 }');
      assert.equal(await succeed('const { one: first, two: second = 2 } = pair;\n[first, second]'), '[ 1, 2 ]');
      assert.equal(await succeed('(({ one: given }: Pair) => ({ given, one }))(pair)'), '{ given: 1, one: 5 }');
      await succeed('({ one } = pair);');
      assert.equal(await succeed('one'), '1');
      await succeed('let elsewhere = 0;\n({ one: elsewhere } = pair);\n({ one = 8 } = {} as Partial<Pair>);');
      assert.equal(await succeed('[elsewhere, one]'), '[ 1, 8 ]');
    });

    test('what was copied from a module may say that it is exported', async () => {
      await succeed(
        'export const given = 3;\nexport default class Box { x = 1 }\nexport interface Sized { n: number }\nexport { given };\nexport type { Sized };',
      );
      assert.equal(await succeed('const sized: Sized = { n: given };\nsized.n + new Box().x'), '4');
      assert.equal(await succeed('export default given + 1'), '4');
    });

    test('types may be left out, as in a notebook one does', async () => {
      assert.equal(
        await succeed('const seen = [];\nfunction twice(x) { return 2 * x; }\nseen.push(twice(2));\nseen'),
        '[ 4 ]',
      );
      assert.equal(await succeed('seen.push(1); seen.length'), '2');
    });

    test('a silent cell shows and counts nothing', async () => {
      const counted = (await kernel.run('1')).reply.execution_count;
      const silent = await kernel.run('console.log("x"); 2', { options: { silent: true } });
      assert.deepEqual(silent.order, ['busy', 'idle']);
      assert.equal((await kernel.run('1')).reply.execution_count, counted + 1);
    });

    test('user expressions are evaluated after the cell', async () => {
      const { reply } = await kernel.run('const u = 20', {
        options: { user_expressions: { fine: 'u + 1', wrong: 'u.nothing.more' } },
      });
      const values = reply['user_expressions'] as Record<string, { status: string; data?: object }>;
      assert.deepEqual(values['fine']?.data, { 'text/plain': '21' });
      assert.equal(values['wrong']?.status, 'error');
    });

    test('a node of Node: files, buffers, globals', async () => {
      await succeed("import { readFileSync } from 'node:fs';\nimport path from 'path';");
      assert.equal(await succeed("JSON.parse(readFileSync('package.json', 'utf8')).name"), "'ciard'");
      assert.equal(await succeed('path.basename(process.cwd()) === path.basename(path.resolve("."))'), 'true');
    });
  });

  suite('errors', () => {
    test('an error comes as a message and in the reply, with the lines of the cell', async () => {
      const run = await kernel.run(
        'interface Gone { x: number }\n\nfunction fail(): never {\n  throw new RangeError("no");\n}\nfail()',
      );
      const error = errorOf(run);
      assert.equal(run.reply.status, 'error');
      assert.equal(error?.ename, 'RangeError');
      assert.equal(error.evalue, 'no');
      assert.deepEqual(run.reply.traceback, error.traceback);
      const text = stripVTControlCharacters(error.traceback.join('\n'));
      assert.match(text, /> 4 \| {3}throw new RangeError\("no"\);/);
      assert.match(text, /at fail \(cell \[\d+\]:4:9\)/);
      assert.match(text, /at cell \[\d+\]:6:1/);
      assert.match(text, /RangeError: no$/);
      assert.doesNotMatch(text, /tslab|node:vm|src\/kernel/);
    });

    test('a trace leads through the library, in its own lines', async () => {
      const run = await kernel.run("import { createRng } from './src/random.js';\ncreateRng(1).fork('a').uniforms(-1)");
      const text = stripVTControlCharacters(errorOf(run)?.traceback.join('\n') ?? '');
      assert.match(text, /at Object\.uniforms \(src\/random\.ts:\d+:\d+\)/);
      assert.match(text, /at cell \[\d+\]:2:\d+/);
    });

    test('what a user can mend is told without a way through the library', async () => {
      const run = await kernel.run("import { UserError } from './src/errors.js';\nthrow new UserError('mend it');");
      assert.equal(errorOf(run)?.ename, 'UserError');
      assert.doesNotMatch(errorOf(run)?.traceback.join('\n') ?? '', /at .*src\//);
    });

    test('a type error names line and place, and nothing runs', async () => {
      const run = await kernel.run(
        'console.log("ran");\nconst word: string = "a";\nword.lenght;\nconst n: number = word',
      );
      const error = errorOf(run);
      assert.equal(run.reply.status, 'error');
      assert.equal(error?.ename, 'TypeScriptError');
      assert.match(error.evalue, /^line 3: Property 'lenght' does not exist on type 'string'/);
      const lines = stripVTControlCharacters(error.traceback.join('\n')).split('\n');
      const at = lines.findIndex((line) => line.startsWith('> 3 | word.lenght;'));
      assert.equal(lines[at + 1], '    |      ^^^^^^');
      assert.ok(lines.some((line) => line.startsWith('> 4 | const n: number = word')));
      assert.equal(streamOf(run, 'stdout'), '');
    });

    test('a syntax error is told the same way', async () => {
      const run = await kernel.run('const = 3');
      assert.match(errorOf(run)?.evalue ?? '', /^line 1: Variable declaration expected/);
    });

    test('values that are no errors can be thrown; causes are told', async () => {
      assert.equal(errorOf(await kernel.run('throw { a: 1 }'))?.evalue, '{ a: 1 }');
      const text = errorOf(
        await kernel.run('throw new Error("outer", { cause: new TypeError("inner") })'),
      )?.traceback.join('\n');
      assert.match(stripVTControlCharacters(text ?? ''), /Caused by:\n[^]*TypeError: inner/);
    });

    test('several errors in one are all told', async () => {
      const run = await kernel.run('throw new AggregateError([new RangeError("one"), "two"], "both")');
      const text = stripVTControlCharacters(errorOf(run)?.traceback.join('\n') ?? '');
      assert.match(text, /AggregateError: both\n\nOne of them:\n[^]*RangeError: one\n\nOne of them:\n'two'$/);
    });

    test('an error that is printed or shown leads to the cell, too, and to nothing that runs it', async () => {
      const code = [
        'function fail(): never { throw Object.assign(new Error("no"), { code: 7 }); }',
        'let caught: unknown;',
        'try { fail(); } catch (error) { caught = error; console.error(error); }',
        'caught',
      ].join('\n');
      const run = await kernel.run(code);
      const wanted = /^Error: no\n {4}at fail \(cell \[\d+\]:1:46\)\n {4}at cell \[\d+\]:3:7 \{\n {2}code: 7\n\}\n?$/;
      assert.match(streamOf(run, 'stderr'), wanted);
      assert.match(resultOf(run) ?? '', wanted);
    });

    test('what a failing cell declared before it failed stays', async () => {
      await kernel.run('const before = 11;\nthrow new Error("after");');
      assert.equal(await succeed('before'), '11');
    });

    test('an error stops the cells that were sent with it, and no later one', async () => {
      const [first, failing, third, fourth] = await kernel.runAll([
        '1',
        'throw new Error("stop")',
        'globalThis.ran = 1',
        '2',
      ]);
      assert.equal(first?.reply.status, 'ok');
      assert.equal(failing?.reply.status, 'error');
      assert.equal(third?.reply.status, 'aborted');
      assert.equal(fourth?.reply.status, 'aborted');
      assert.equal(await succeed('"ran" in globalThis'), 'false');
    });

    test('without stop_on_error the cells after it run', async () => {
      const runs = await kernel.runAll(['throw new Error("go on")', '2'], { options: { stop_on_error: false } });
      assert.deepEqual(
        runs.map(({ reply }) => reply.status),
        ['error', 'ok'],
      );
    });

    test('an error that no cell awaits is told and ends nothing', async () => {
      const run = await kernel.run(
        'setTimeout(() => { throw new Error("late"); }, 5);\nawait new Promise((r) => setTimeout(r, 60));',
      );
      assert.match(stripVTControlCharacters(streamOf(run, 'stderr')), /^Error: late$/m);
      const rejected = await kernel.run(
        'Promise.reject(new Error("lost"));\nawait new Promise((r) => setTimeout(r, 60));',
      );
      assert.match(stripVTControlCharacters(streamOf(rejected, 'stderr')), /^Error: lost$/m);
      assert.equal(await succeed('1'), '1');
    });
  });

  suite('displays', () => {
    before(() =>
      succeed("import { clearOutput, display, displaySymbol, mime, updateDisplay } from './src/kernel/display.js';"),
    );

    test('a whole bundle is shown, bytes as base64, with metadata', async () => {
      const run = await kernel.run(
        "display(mime({ 'text/html': '<b>x</b>', 'text/plain': 'x', 'image/png': Buffer.from('abc'), 'application/json': { a: [1] } }), { metadata: { 'image/png': { width: 3 } } });",
      );
      const shown = run.outputs.find(({ type }) => type === 'display_data');
      assert.deepEqual(shown?.content['data'], {
        'text/html': '<b>x</b>',
        'text/plain': 'x',
        'image/png': 'YWJj',
        'application/json': { a: [1] },
      });
      assert.deepEqual(shown.content['metadata'], { 'image/png': { width: 3 } });
    });

    test('a display is updated in its place, also from a later cell', async () => {
      const first = await kernel.run("const place = display('one', { id: 'p' });\nplace.update('two');");
      const second = await kernel.run("updateDisplay('p', 'three');");
      const shown = [...first.outputs, ...second.outputs].filter(({ type }) => type.includes('display_data'));
      assert.deepEqual(
        shown.map(({ type, content }) => [type, content['data'], content['transient']]),
        [
          ['display_data', { 'text/plain': "'one'" }, { display_id: 'p' }],
          ['update_display_data', { 'text/plain': "'two'" }, { display_id: 'p' }],
          ['update_display_data', { 'text/plain': "'three'" }, { display_id: 'p' }],
        ],
      );
    });

    test('a value shows itself as a result, at once or later', async () => {
      for (const method of ['[displaySymbol]()', 'async [displaySymbol]()']) {
        const run = await kernel.run(`({ ${method} { return { 'text/markdown': '*m*' }; } })`);
        const result = run.outputs.find(({ type }) => type === 'execute_result');
        assert.deepEqual(result?.content['data'], { 'text/markdown': '*m*' });
      }
    });

    test('a display that is not ready holds the cell until it is; one that fails is the cell’s error', async () => {
      const later = await kernel.run(
        "display({ async [displaySymbol]() { await new Promise((r) => setTimeout(r, 50)); return { 'text/plain': 'late' }; } });",
      );
      assert.deepEqual(later.order, ['busy', 'execute_input', 'display_data', 'update_display_data', 'idle']);
      const failing = await kernel.run("display({ async [displaySymbol]() { throw new Error('unshowable'); } });");
      assert.equal(errorOf(failing)?.evalue, 'unshowable');
    });

    test('a display that is not ready keeps its place, and what is shown there later is seen last', async () => {
      const run = await kernel.run(
        [
          "const slow = { async [displaySymbol]() { await new Promise((r) => setTimeout(r, 80)); return { 'text/plain': 'slow' }; } };",
          "const there = display(slow, { id: 'slow' });",
          "there.update('quick');",
          "console.log('printed');",
        ].join('\n'),
      );
      const seen = run.outputs
        .filter(({ type }) => type !== 'execute_input')
        .map(({ type, content }) => [
          type,
          content['text'] ?? (content['data'] as Record<string, string>)['text/plain'],
        ]);
      assert.deepEqual(seen, [
        ['display_data', ''],
        ['stream', 'printed\n'],
        ['update_display_data', 'slow'],
        ['update_display_data', "'quick'"],
      ]);
    });

    test('the output is cleared', async () => {
      const run = await kernel.run("console.log('a'); clearOutput({ wait: true }); console.log('b');");
      assert.deepEqual(run.order, ['busy', 'execute_input', 'stream', 'clear_output', 'stream', 'idle']);
      assert.equal(run.outputs.find(({ type }) => type === 'clear_output')?.content['wait'], true);
    });

    test('streams and displays keep their order', async () => {
      const run = await kernel.run('console.log(1); console.error(2); console.log(3); display(4); console.log(5);');
      const seen = run.outputs
        .filter(({ type }) => type === 'stream' || type === 'display_data')
        .map(({ type, content }) => (type === 'stream' ? (content['text'] as string).trim() : 'display'));
      assert.deepEqual(seen, ['1', '2', '3', 'display', '5']);
    });

    test('progress is one display that is updated, not a line a step', async () => {
      const run = await kernel.run(
        [
          "import { notebookProgress } from './src/kernel/notebook-progress.js';",
          'const progress = notebookProgress();',
          "for (let done = 0; done <= 2000; done++) { progress({ task: 'count', done, total: 2000, detail: `at ${done}` }); if (done % 20 === 0) await new Promise((r) => setTimeout(r, 2)); }",
        ].join('\n'),
      );
      const shown = run.outputs.filter(({ type }) => type.includes('display_data'));
      assert.equal(shown.filter(({ type }) => type === 'display_data').length, 1);
      assert.ok(shown.length > 2 && shown.length < 50, `${shown.length} messages`);
      const last = (shown.at(-1)?.content['data'] as Record<string, string>)['text/plain'];
      assert.match(last ?? '', /^count {2}█{30} {2}2000\/2000 {2}in \d\d:\d\d {2}at 2000$/);
    });

    test('a long output comes whole, in few messages', async () => {
      const run = await kernel.run('for (let i = 0; i < 100_000; i++) console.log(i);', { timeout: 60 });
      const text = streamOf(run, 'stdout');
      assert.equal(text.length, 588_890);
      assert.ok(text.endsWith('99998\n99999\n'));
      const messages = run.outputs.filter(({ type }) => type === 'stream').length;
      assert.ok(messages < 100, `${messages} messages`);
    });

    test('more displays than a default socket would keep all arrive', async () => {
      const run = await kernel.run('for (let i = 0; i < 3000; i++) display(i);', { timeout: 60 });
      assert.equal(run.outputs.filter(({ type }) => type === 'display_data').length, 3000);
    });

    test('output of a cell that holds the thread is seen while it does', async () => {
      const run = await kernel.run(
        "process.stdout.write('x'.repeat(70_000));\nconst until = Date.now() + 1500;\nwhile (Date.now() < until);",
      );
      const first = run.outputs.find(({ type }) => type === 'stream');
      assert.ok(first && run.idle - first.at > 1, `shown ${first?.at} s, idle ${run.idle} s after the start`);
    });
  });

  suite('input', () => {
    test('is refused with an error that says so', async () => {
      const asked = await kernel.run("prompt('name?')".replace('prompt', 'globalThis["prompt" as "eval"]'));
      assert.equal(errorOf(asked)?.ename, 'UserError');
      const read = await kernel.run('for await (const line of process.stdin) console.log(line);', { timeout: 10 });
      assert.match(errorOf(read)?.evalue ?? '', /no keyboard/);
      for (const [module, ask] of [
        ['node:readline/promises', "await asking.question('name?')"],
        ['node:readline', "asking.question('name?', console.log)"],
        ['node:readline', 'for await (const line of asking) console.log(line)'],
      ]) {
        const code = `import { createInterface } from '${module}';\nconst asking = createInterface({ input: process.stdin });\n${ask}`;
        const run = await kernel.run(code, { timeout: 10 });
        assert.match(errorOf(run)?.evalue ?? '', /no keyboard/, ask);
        assert.equal(streamOf(run, 'stderr'), '');
      }
    });
  });

  suite('imports', () => {
    test('a path is relative to the repository’s root or to the notebook’s folder, and means one module', async () => {
      assert.equal(
        await succeed(
          "import * as a from './src/errors.js';\nimport * as b from '../src/errors.js';\na.UserError === b.UserError",
        ),
        'true',
      );
    });

    test('ciard is the library, the same for cells and for the kernel', async () => {
      await succeed("import { interruptSignal } from 'ciard';\nimport * as own from './src/interruption.js';");
      assert.equal(
        await succeed('interruptSignal === own.interruptSignal && interruptSignal() instanceof AbortSignal'),
        'true',
      );
    });

    test('default, namespace, dynamic and type imports; packages; JSON', async () => {
      assert.equal(
        await succeed(
          "import YAML, { parse } from 'yaml';\nimport type { Rng } from './src/random.js';\n[typeof YAML.parse, parse('a: 1').a]",
        ),
        "[ 'function', 1 ]",
      );
      assert.equal(await succeed("(await import('./src/random.js')).createRng(1).integer(1)"), '0');
      assert.match((await succeed('import.meta.url')) ?? '', /notebooks\/cell\.ts'$/);
    });

    test('the library is typed: a wrong argument is an error before anything runs', async () => {
      const run = await kernel.run("import { createRng } from './src/random.js';\ncreateRng('one')");
      assert.match(
        errorOf(run)?.evalue ?? '',
        /Argument of type 'string' is not assignable to parameter of type 'number'/,
      );
    });

    test('a module that is not there is a type error; one that fails to load is its own', async () => {
      assert.match(
        errorOf(await kernel.run("import './src/nowhere.js'; import { x } from './src/nowhere.js'"))?.evalue ?? '',
        /Cannot find module/,
      );
      assert.equal(await succeed('1'), '1');
    });
  });

  suite('code that is not run yet', () => {
    const complete = async (code: string) =>
      (await kernel.request('complete_request', { code, cursor_pos: Array.from(code).length })).content as {
        matches: string[];
        cursor_start: number;
        cursor_end: number;
      };
    const inspect = async (code: string): Promise<string> => {
      const { content } = await kernel.request('inspect_request', { code, cursor_pos: code.length, detail_level: 0 });
      return (content['data'] as Record<string, string>)['text/plain'] ?? '';
    };

    test('completion knows the library, earlier cells and its place in code points', async () => {
      await succeed(
        "import * as ciard from 'ciard';\nimport { createRng } from './src/random.js';\nconst rng = createRng(1);",
      );
      assert.ok((await complete('ciard.')).matches.includes('interruptSignal'));
      assert.deepEqual((await complete('rng.perm')).matches, ['permutation']);
      const wide = await complete('"😀"; rng.perm');
      assert.deepEqual([wide.cursor_start, wide.cursor_end], [9, 13]);
    });

    test('completion tells what a name is, also where it is re-exported or imported', async () => {
      await succeed("import { createRng } from 'ciard';");
      const kindOf = async (code: string, name: string): Promise<string | undefined> => {
        const { content } = await kernel.request('complete_request', { code, cursor_pos: code.length });
        const { _jupyter_types_experimental: types } = content['metadata'] as Record<
          string,
          { text: string; type: string }[]
        >;
        return types?.find(({ text }) => text === name)?.type;
      };
      assert.equal(await kindOf('ciard.', 'createNetwork'), 'function');
      assert.equal(await kindOf('ciard.ci', 'ciard'), 'const');
      assert.equal(await kindOf('const x = [ciard.los', 'losses'), 'module');
      assert.equal(await kindOf('createR', 'createRng'), 'function');
      assert.equal(await kindOf('rng.perm', 'permutation'), 'method');
    });

    test('completion offers the names of a module while its import is typed', async () => {
      const code = "import {  } from './src/random.js'";
      const { content } = await kernel.request('complete_request', { code, cursor_pos: 9 });
      assert.ok((content['matches'] as string[]).includes('createRng'));
    });

    test('inspection gives signature, comment and options', async () => {
      assert.match(await inspect('createRng'), /createRng: \(seed: number\) => Rng[^]*source of randomness/);
      assert.match(await inspect('rng.fork('), /Rng\.fork\(\.\.\.labels[^]*never on what was drawn before/);
      const options = await inspect(
        "import { notebookProgress } from './src/kernel/notebook-progress.js';\nnotebookProgress({ ",
      );
      assert.match(options, /`interval\?: number` The least time between two updates/);
    });

    test('inspection knows JavaScript’s own comments', async () => {
      assert.match(await inspect('[1].map('), /Calls a defined callback function on each element/);
    });

    test('is_complete tells a cell that goes on', async () => {
      const state = async (code: string) => (await kernel.request('is_complete_request', { code })).content['status'];
      assert.equal(await state('const a = 1'), 'complete');
      assert.equal(await state('function f() {'), 'incomplete');
    });

    test('answers while a cell awaits, and the kernel stays busy', async () => {
      const waiting = kernel.runAll(['await new Promise((r) => setTimeout(r, 300)); "done"']);
      assert.equal(resultOf((await waiting)[0]!), "'done'");
    });
  });

  suite('the rest of the protocol', () => {
    test('kernel_info', async () => {
      const { content } = await kernel.request('kernel_info_request', {});
      assert.equal(content['status'], 'ok');
      assert.equal(content['implementation'], 'ciard');
      const language = content['language_info'] as Record<string, unknown>;
      assert.equal(language['name'], 'typescript');
      assert.equal(language['file_extension'], '.ts');
      assert.equal(language['pygments_lexer'], 'typescript');
    });

    test('history, comms, and the control channel', async () => {
      await succeed('const historic = 1');
      const { content } = await kernel.request('history_request', {
        hist_access_type: 'tail',
        n: 1,
        raw: true,
        output: false,
      });
      assert.deepEqual((content['history'] as unknown[][])[0]?.[2], 'const historic = 1');
      assert.deepEqual((await kernel.request('comm_info_request', {})).content['comms'], {});
      assert.equal((await kernel.request('kernel_info_request', {}, 'control')).type, 'kernel_info_reply');
    });
  });
});

suite('a source file that was edited', { skip: needsJupyter }, () => {
  let folder: string;
  let kernel: KernelClient;
  let edits = 0;
  const write = (name: string, text: string): void => {
    writeFileSync(join(folder, name), text);
    // A clock of a file system may be coarser than this test is quick.
    edits += 1;
    const time = new Date(Date.now() + 1000 * edits);
    utimesSync(join(folder, name), time, time);
  };

  before(async () => {
    mkdirSync(places.home, { recursive: true });
    folder = mkdtempSync(join(places.home, 'kernel-test-'));
    kernel = await openKernel({ cwd: folder });
  });
  after(async () => {
    await kernel.stop();
    rmSync(folder, { recursive: true });
  });

  test('gives its new code and its new types to a cell that imports it again', async () => {
    write('lesson.ts', 'export const value = 1;\n');
    assert.equal(resultOf(await kernel.run("import { value } from './lesson.js';\nvalue")), '1');
    write('lesson.ts', 'export const value = "two";\nexport const more = 2;\n');
    const again = await kernel.run("import { more, value } from './lesson.js';\nvalue.toUpperCase() + more");
    assert.equal(resultOf(again), "'TWO2'", again.reply.traceback?.join('\n'));
    assert.equal(streamOf(again, 'stderr'), '');
  });

  test('warns where what runs is still the old code', async () => {
    write('inner.ts', 'export const inner = 1;\n');
    write('outer.ts', "import { inner } from './inner.js';\nexport const outer = () => inner;\n");
    assert.equal(resultOf(await kernel.run("import { outer } from './outer.js';\nouter()")), '1');
    write('inner.ts', 'export const inner = 2;\n');
    const run = await kernel.run('outer()');
    assert.match(streamOf(run, 'stderr'), /inner\.ts changed on disk after being loaded.*restart the kernel/);
    assert.equal(streamOf(await kernel.run('outer()'), 'stderr'), '', 'told once');
  });

  test('is found when it appears after it was missed', async () => {
    assert.equal((await kernel.run("import { late } from './late.js';\nlate")).reply.status, 'error');
    write('late.ts', 'export const late = 7;\n');
    assert.equal(resultOf(await kernel.run("import { late } from './late.js';\nlate")), '7');
  });
});

suite('a notebook outside the repository', { skip: needsJupyter }, () => {
  test('imports the library and its own files', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ciard-kernel-'));
    writeFileSync(join(folder, 'mine.ts'), 'export const mine: number = 3;\n');
    const kernel = await openKernel({ cwd: folder });
    try {
      const run = await kernel.run(
        "import { interruptSignal } from 'ciard';\nimport { mine } from './mine.js';\nimport { createRng } from './src/random.js';\n[typeof interruptSignal, mine, createRng(1).integer(1)]",
      );
      assert.equal(resultOf(run), "[ 'function', 3, 0 ]", run.reply.traceback?.join('\n'));
    } finally {
      await kernel.stop();
      rmSync(folder, { recursive: true });
    }
  });
});
