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

suite('an interrupt', { skip: needsJupyter }, () => {
  let kernel: KernelClient;
  before(async () => {
    kernel = await openKernel();
    const { reply } = await kernel.run(
      "import { checkpointInterrupt, interruptSignal } from './src/interruption.js';\nconst sleep = (ms: number) => new Promise((r) => setTimeout(r, ms));",
    );
    assert.equal(reply.status, 'ok', reply.traceback?.join('\n'));
  });
  after(() => kernel.stop());

  /** Runs `code`, interrupts it half a second after it began and expects it to end as interrupted within two seconds of that. */
  const interrupted = async (code: string, interruptAfter: readonly number[] = [0.5]): Promise<CellRun> => {
    const run = await kernel.run(`console.log('begun');${code}`, { fromOutput: true, interruptAfter, timeout: 40 });
    assert.equal(errorOf(run)?.ename, 'InterruptedError', JSON.stringify(run.reply));
    const began = run.outputs.find(({ type }) => type === 'stream')!.at;
    const first = began + interruptAfter[0]!;
    assert.ok(run.idle < first + 2 * patience(), `ended ${run.idle - first} s after the interrupt`);
    assert.ok(await kernel.alive());
    assert.equal(resultOf(await kernel.run('1 + 1')), '2');
    return run;
  };

  test('ends work that listens, which first saves its state', async () => {
    const run = await kernel.run(
      [
        'let done = 0;',
        'try {',
        "  for (;;) { await checkpointInterrupt(); await sleep(20); done += 1; if (done === 3) console.log('working'); }",
        '} finally {',
        '  await sleep(300);',
        "  console.log('saved');",
        '}',
      ].join('\n'),
      { fromOutput: true, interruptAfter: [0], timeout: 20 },
    );
    assert.equal(errorOf(run)?.ename, 'InterruptedError');
    assert.equal(streamOf(run, 'stdout'), 'working\nsaved\n');
    assert.ok(Number(resultOf(await kernel.run('done'))) >= 3, 'what the cell had done is there');
  });

  test('reaches whoever asks for the signal; the next cell has a fresh one', async () => {
    const run = await kernel.run(
      "const signal = interruptSignal();\nconsole.log('begun');\nawait new Promise((r) => signal.addEventListener('abort', r));\n'heard'",
      { fromOutput: true, interruptAfter: [0.5], timeout: 20 },
    );
    assert.equal(resultOf(run), "'heard'");
    assert.equal(resultOf(await kernel.run('[signal.aborted, interruptSignal().aborted]')), '[ true, false ]');
  });

  test('ends a cell that awaits what never comes', async () => {
    await interrupted('await new Promise(() => undefined);');
  });

  test('ends a cell whose result or display never gets ready', async () => {
    const never = '({ [Symbol.for("Jupyter.display")]: () => new Promise<{}>(() => undefined) })';
    await interrupted(never);
    await interrupted(`import { display } from './src/kernel/display.js';\ndisplay(${never});`);
    await interrupted('({ [Symbol.for("Jupyter.display")]() { for (;;); } })');
  });

  test('works twice in a row, and again', async () => {
    await interrupted('await new Promise(() => undefined);', [0.5, 0.6]);
    await interrupted('while (true);', [0.5, 0.51, 0.6]);
    await interrupted('await new Promise(() => undefined);', [0.3]);
  });

  test('between cells does nothing', async () => {
    await kernel.request('interrupt_request', {}, 'control');
    assert.equal(resultOf(await kernel.run('await sleep(20); 3')), '3');
  });

  test('stops a loop that never lets go of the thread, and says where it was', async () => {
    const run = await interrupted('function spin() {\n  let n = 0;\n  for (;;) n += 1;\n}\nspin();');
    const text = stripVTControlCharacters(errorOf(run)?.traceback.join('\n') ?? '');
    assert.match(text, /> 3 \| {3}for \(;;\) n \+= 1;/);
    assert.match(text, /at spin \(cell \[\d+\]:3:\d+\)/);
  });

  test('stops such a loop behind an await, behind an import, between awaits, while it prints', async () => {
    await interrupted('await sleep(30);\nfor (;;);');
    await interrupted("import { UserError } from './src/errors.js';\nfor (;;) new UserError('x');");
    await interrupted('for (;;) { await null; const until = Date.now() + 5; while (Date.now() < until); }');
    await interrupted("for (;;) console.log('again');");
  });

  test('stops such a loop whatever listens for signals', async () => {
    await interrupted("process.on('SIGINT', () => undefined);\nfor (;;);");
  });

  test('does not cut off a call that holds the thread and then returns', async () => {
    // As TensorFlow's calls do: the thread answers no one, and afterwards the loop looks at its signal.
    const run = await kernel.run(
      [
        "import { execFileSync } from 'node:child_process';",
        'let steps = 0;',
        'try {',
        "  await checkpointInterrupt(); console.log('begun');",
        '  for (;;) { execFileSync("sleep", ["0.4"]); steps += 1; if (steps % 8 === 0) await checkpointInterrupt(); }',
        '} finally {',
        "  console.log(steps % 8 === 0 ? 'whole' : 'cut off');",
        '}',
      ].join('\n'),
      { fromOutput: true, interruptAfter: [0.5], timeout: 30 },
    );
    assert.equal(errorOf(run)?.ename, 'InterruptedError');
    assert.equal(streamOf(run, 'stdout'), 'begun\nwhole\n');
  });

  test('comes as a signal too, and never ends the process', async () => {
    for (const code of [
      'await new Promise(() => undefined);',
      'for (;;);',
      "process.on('SIGINT', () => undefined); await sleep(60_000);",
    ]) {
      const options = { fromOutput: true, signalAfter: [0.5, 0.55], timeout: 20 };
      const run = await kernel.run(`console.log('begun');${code}`, options);
      assert.equal(errorOf(run)?.ename, 'InterruptedError', code);
      const began = run.outputs.find(({ type }) => type === 'stream')!.at;
      assert.ok(run.idle < began + 0.5 + 2 * patience(), `${run.idle - began} s`);
      assert.ok(await kernel.alive());
    }
    assert.equal(resultOf(await kernel.run('1 + 1')), '2');
  });

  test('stops the cells that were sent with the interrupted one', async () => {
    const runs = await kernel.runAll(['await new Promise(() => undefined);', '5'], {
      interruptAfter: [0.5],
      timeout: 20,
    });
    assert.deepEqual(
      runs.map(({ reply }) => reply.status),
      ['error', 'aborted'],
    );
  });
});

suite('an interrupt of what does not let go', { skip: needsJupyter }, () => {
  let kernel: KernelClient;
  before(async () => {
    kernel = await openKernel();
  });
  after(() => kernel.stop());

  for (const [name, code] of [
    [
      'a child that is waited for',
      "import { execSync } from 'node:child_process';\nconsole.log('begun');\nexecSync('sleep 60');",
    ],
    ['native code', "console.log('begun');\nAtomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);"],
    [
      'a timer that spins',
      "console.log('begun');\nsetTimeout(() => { for (;;); }, 10);\nawait new Promise(() => undefined);",
    ],
    ['a regular expression', "console.log('begun');\n/^(a+)+$/.test('a'.repeat(60) + 'b');"],
  ] as const) {
    test(`ends ${name} within two seconds, and says that the session is new`, async () => {
      await kernel.run('let mine = 1;');
      const run = await kernel.run(code, { fromOutput: true, interruptAfter: [0.5], timeout: 40 });
      const error = errorOf(run);
      assert.equal(error?.ename, 'InterruptedError', JSON.stringify(run.reply));
      const interruptedAt = run.outputs.find(({ type }) => type === 'stream')!.at + 0.5;
      assert.ok(run.idle < interruptedAt + 2 * patience(), `ended ${run.idle - interruptedAt} s after the interrupt`);
      assert.ok(await kernel.alive());
      if (!error.evalue.includes('stopped where it was')) {
        assert.match(error.evalue, /the next cell runs in a new session/);
        assert.match(errorOf(await kernel.run('mine'))?.evalue ?? '', /Cannot find name 'mine'/);
      }
      assert.equal(resultOf(await kernel.run('1 + 1')), '2');
    });
  }

  const fifty = Array.from({ length: 50 }, (_, i) => i / 10);

  test('fifty of them in five seconds do no harm to an idle kernel', async () => {
    await kernel.run('let mine = 7;');
    await kernel.run('', { interruptAfter: fifty });
    await sleep(5500);
    assert.equal(resultOf(await kernel.run('mine')), '7');
  });

  test('fifty of them in five seconds leave time to save what is to be saved', async () => {
    const code = [
      "import { checkpointInterrupt } from './src/interruption.js';",
      'const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));',
      "try { console.log('begun'); for (;;) { await checkpointInterrupt(); await sleep(20); } }",
      "finally { await sleep(900); console.log('saved'); }",
    ].join('\n');
    const run = await kernel.run(code, { fromOutput: true, interruptAfter: fifty, timeout: 40 });
    assert.equal(errorOf(run)?.ename, 'InterruptedError');
    assert.equal(streamOf(run, 'stdout'), 'begun\nsaved\n');
    await sleep(5500);
    assert.equal(resultOf(await kernel.run('mine')), '7');
  });

  test('during the first import of the library leaves a kernel that works', async () => {
    for (const interruptAfter of [[0.05], [0.3], [0.8], [1.2], [0.3, 0.6], fifty]) {
      const fresh = await openKernel();
      try {
        await fresh.run("import * as ciard from 'ciard'; Object.keys(ciard).length", { interruptAfter, timeout: 60 });
        // The cell may have ended before the last of them, which is not to end the next one.
        await sleep(1000 * interruptAfter.at(-1)!);
        assert.equal(resultOf(await fresh.run('1 + 1', { timeout: 60 })), '2', String(interruptAfter));
      } finally {
        await fresh.stop();
      }
    }
  });
});

suite('the life of a kernel', { skip: needsJupyter }, () => {
  test('shuts down within two seconds while a cell holds the thread', async () => {
    for (const code of ['for (;;);', "import { execSync } from 'node:child_process';\nexecSync('sleep 20');"]) {
      const kernel = await openKernel();
      await assert.rejects(kernel.run(code, { timeout: 3 }));
      const { seconds, gone } = await kernel.stop();
      assert.ok(gone);
      assert.ok(seconds < 2 * patience(), `${seconds} s`);
    }
  });

  test('restarts with nothing left, also while a cell runs, and shuts down at once', async () => {
    const kernel = await openKernel();
    try {
      await kernel.run('const old = 1;');
      await kernel.restart();
      assert.match(errorOf(await kernel.run('old'))?.evalue ?? '', /Cannot find name 'old'/);
      const { content } = await kernel.request('shutdown_request', { restart: true }, 'control');
      assert.equal(content['restart'], true);
    } finally {
      const { seconds, gone } = await kernel.stop();
      assert.ok(gone);
      assert.ok(seconds < 2 * patience(), `${seconds} s`);
    }
  });
});
