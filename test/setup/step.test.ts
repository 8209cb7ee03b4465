import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { isThere, makeSteps, type Step } from '../../src/setup/step.mjs';
import { temporaryFolder } from '../temporary.js';

/** A step that writes its name into a file of its own, and notes in `log` when it begins and ends. */
const fileStep = (folder: string, log: string[], name: string, after: string[] = [], key = 'key'): Step => ({
  name,
  after,
  stamp: join(folder, name, '.stamp'),
  key: () => key,
  async make() {
    log.push(`begin ${name}`);
    rmSync(join(folder, name), { recursive: true, force: true });
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'product'), name);
    await new Promise((resolve) => setTimeout(resolve, 20));
    log.push(`end ${name}`);
  },
});

test('a step is made after what it needs, and beside what it does not wait for', async (t) => {
  const folder = temporaryFolder(t);
  const log: string[] = [];
  await makeSteps([
    fileStep(folder, log, 'a'),
    fileStep(folder, log, 'b'),
    fileStep(folder, log, 'c', ['a', 'b']),
    fileStep(folder, log, 'd', ['c']),
  ]);
  const at = (entry: string) => log.indexOf(entry);
  assert.ok(at('begin b') < at('end a'), 'a and b run at the same time');
  assert.ok(at('begin c') > Math.max(at('end a'), at('end b')));
  assert.ok(at('begin d') > at('end c'));
});

test('what is there is left alone; what is made from something else is made anew', async (t) => {
  const folder = temporaryFolder(t);
  const log: string[] = [];
  const heard: string[] = [];
  const onEnd = (name: string) => heard.push(name);
  await makeSteps([fileStep(folder, log, 'a'), fileStep(folder, log, 'b', ['a'])], { onEnd });
  await makeSteps([fileStep(folder, log, 'a'), fileStep(folder, log, 'b', ['a'])], { onEnd });
  assert.deepEqual(heard, ['a', 'b']);
  await makeSteps([fileStep(folder, log, 'a'), fileStep(folder, log, 'b', ['a'], 'another key')], { onEnd });
  assert.deepEqual(heard, ['a', 'b', 'b']);
  await makeSteps([fileStep(folder, log, 'a'), fileStep(folder, log, 'b', ['a'], 'another key')], {
    onEnd,
    force: true,
  });
  assert.deepEqual(heard, ['a', 'b', 'b', 'a', 'b']);
});

test('a step whose product an earlier step removed is made anew', async (t) => {
  const folder = temporaryFolder(t);
  const log: string[] = [];
  const inside: Step = {
    ...fileStep(folder, log, 'b', ['a']),
    stamp: join(folder, 'a', 'b.stamp'),
    make: () => Promise.resolve(),
  };
  await makeSteps([fileStep(folder, log, 'a'), inside]);
  assert.ok(isThere(inside));
  const heard: string[] = [];
  await makeSteps([fileStep(folder, log, 'a', [], 'another key'), inside], { onEnd: (name) => heard.push(name) });
  assert.deepEqual(heard, ['a', 'b']);
});

test('a product that others made is taken over, not made', async (t) => {
  const folder = temporaryFolder(t);
  const step: Step = { ...fileStep(folder, [], 'a'), found: () => true, make: () => Promise.reject(new Error('made')) };
  await makeSteps([step]);
  assert.ok(isThere(step));
});

test('a failure stops what has not begun, lets the others end, and is the error', async (t) => {
  const folder = temporaryFolder(t);
  const log: string[] = [];
  const broken: Step = { ...fileStep(folder, log, 'broken'), make: () => Promise.reject(new Error('no registry')) };
  const steps = [broken, fileStep(folder, log, 'beside'), fileStep(folder, log, 'behind', ['beside'])];
  await assert.rejects(makeSteps(steps), /no registry/);
  assert.deepEqual(log, ['begin beside', 'end beside']);
  assert.equal(existsSync(broken.stamp), false);
});

test('a step that was killed half-way is made anew from nothing', async (t) => {
  const folder = temporaryFolder(t);
  const module = pathToFileURL(join(import.meta.dirname, '..', '..', 'src', 'setup', 'step.mjs')).href;
  const product = join(folder, 'product');
  const program = join(folder, 'program.mjs');
  writeFileSync(
    program,
    `import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
     import { makeSteps } from ${JSON.stringify(module)};
     const product = ${JSON.stringify(product)};
     await makeSteps([{ name: 'slow', after: [], stamp: product + '/.stamp', key: () => 'key', async make() {
       rmSync(product, { recursive: true, force: true });
       mkdirSync(product);
       writeFileSync(product + '/first', process.argv[2]);
       if (process.argv[2] === 'killed') { console.log('half-way'); await new Promise((resolve) => setTimeout(resolve, 60_000)); }
       writeFileSync(product + '/second', process.argv[2]);
     } }]);`,
  );
  const killed = spawn(process.execPath, [program, 'killed'], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve) => killed.stdout.once('data', resolve));
  killed.kill('SIGKILL');
  await new Promise((resolve) => killed.once('close', resolve));
  assert.deepEqual([existsSync(join(product, 'first')), existsSync(join(product, '.stamp'))], [true, false]);
  const again = spawn(process.execPath, [program, 'again'], { stdio: 'inherit' });
  assert.equal(await new Promise((resolve) => again.once('close', resolve)), 0);
  assert.equal(readFileSync(join(product, 'first'), 'utf8'), 'again');
  assert.equal(readFileSync(join(product, 'second'), 'utf8'), 'again');
  assert.equal(readFileSync(join(product, '.stamp'), 'utf8'), 'key');
});
