// Runs the tests with Node's runner.
//
//   npm test                          all but the long ones, which it names; with CI=true all of them
//   npm test -- test/models           the files and folders that are named
//   npm test -- --changed             those that the changes since the last commit concern
//   npm test -- --changed=main        … since that commit
//   npm test -- --test-name-pattern=… those of that name
//
// CIARD_SLOW_TESTS=1 runs the long ones too, and single tests that take minutes; CIARD_REQUIRE_ORACLE=1 makes a failure of
// what is otherwise skipped for want of the reference material, which lies in ../shared or where CIARD_SHARED says.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir, totalmem } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import process from 'node:process';
import { Readable } from 'node:stream';
import { run } from 'node:test';
import { spec, tap } from 'node:test/reporters';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { allowClosedPipes } from '../src/setup/closed-pipes.mjs';

const folder = dirname(fileURLToPath(import.meta.url));
const root = dirname(folder);

/** They measure seconds, so nothing else runs beside them. */
const alone = ['kernel/endurance.test.ts', 'kernel/interrupt.test.ts', 'kernel/library.test.ts'];
/** The longest begin first, so that the last one does not run by itself. */
const longest = [
  'notebook-runner/committed.test.ts',
  'experiments/pipeline.test.ts',
  'slurm/cluster.test.ts',
  'report/page.test.ts',
  'kernel/lab.test.ts',
  'evaluation/published.test.ts',
  'notebook-runner/run.test.ts',
  'figures/live-curves.browser.test.ts',
  'training/train.test.ts',
  'evaluation/command.test.ts',
];

/**
 * What needs a cluster, a browser, DVC, whole notebooks or whole data sets, and what kills processes at many moments:
 * half a minute to minutes each. A change of what they import names them.
 */
const long = [
  'another-project.test.ts',
  'bench/main.test.ts',
  'data/cifar.test.ts',
  'dvc/dvc.test.ts',
  'dvc/verify.test.ts',
  'evaluation/command.test.ts',
  'evaluation/published.test.ts',
  'experiments/execute.test.ts',
  'experiments/pipeline.test.ts',
  'experiments/precision.test.ts',
  'figures/live-curves.browser.test.ts',
  'kernel/conformance.test.ts',
  'kernel/endurance.test.ts',
  'kernel/interrupt.test.ts',
  'kernel/lab.test.ts',
  'kernel/library.test.ts',
  'kernel/survival.test.ts',
  'models/second-backend.test.ts',
  'notebook-runner/committed.test.ts',
  'notebook-runner/run.test.ts',
  'report/page.test.ts',
  'slurm/cluster.test.ts',
  'training/interrupted.test.ts',
  'training/kill.test.ts',
];

/** Node 20 finds no files by pattern. @param {string} path @returns {string[]} */
const testsIn = (path) =>
  statSync(path).isDirectory()
    ? readdirSync(path)
        .sort()
        .flatMap((name) =>
          statSync(join(path, name)).isDirectory() || name.endsWith('.test.ts') ? testsIn(join(path, name)) : [],
        )
    : [path];

/** @param {string} base @returns {string[]} paths that differ from that commit, new ones too */
const changedSince = (base) =>
  [
    ['diff', '--name-only', '-z', base],
    ['ls-files', '--others', '--exclude-standard', '-z'],
  ]
    .flatMap((args) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).split('\0'))
    .filter((path) => path !== '');

/** @param {readonly string[]} list @param {string} file */
const place = (list, file) => list.indexOf(relative(folder, file).replaceAll('\\', '/'));

/** @param {string} message @returns {never} */
const fail = (message) => {
  process.stderr.write(`test/run.mjs: ${message}\n`);
  process.exit(2);
};

/** @param {string} base */
const testsOfChanges = async (base) => {
  /** @type {string[]} */
  let changed = [];
  try {
    changed = changedSince(base);
  } catch (error) {
    fail(`what has changed since ${base} can't be told: ${/** @type {Error} */ (error).message.trim()}`);
  }
  // What everything runs on.
  const ground = changed.find((path) =>
    /^(package(-lock)?\.json|tsconfig\.json|test\/run\.mjs|src\/setup\/.*)$/.test(path),
  );
  if (ground !== undefined) {
    process.stderr.write(`${ground} has changed: all tests are concerned.\n`);
    return testsIn(folder);
  }
  const { concernedTests } = await import('./import-graph.mjs');
  const { tests, unknown } = concernedTests(root, changed);
  process.stderr.write(
    `${String(changed.length)} files have changed since ${base}; they concern ${String(tests.length)} test files:\n` +
      tests.map((test) => `  ${relative(root, test)}\n`).join(''),
  );
  if (unknown.length > 0) process.stderr.write(`No test knows of ${unknown.join(', ')}.\n`);
  return tests;
};

const args = process.argv.slice(2);
/** @param {string} name @returns {string | undefined} */
const flag = (name) => args.find((arg) => arg.startsWith(`${name}=`))?.slice(name.length + 1);
const own = ['--changed', '--test-name-pattern', '--test-reporter', '--test-concurrency'];
const named = args.filter((arg) => !arg.startsWith('-'));
/** @type {string[]} */
let files = [];
try {
  files =
    args.includes('--changed') || flag('--changed') !== undefined
      ? await testsOfChanges(flag('--changed') ?? 'HEAD')
      : (named.length > 0 ? named : [folder]).flatMap(testsIn);
} catch (error) {
  fail(/** @type {Error} */ (error).message);
}
files = files.map((file) => resolve(file));
const asked = args.includes('--changed') || flag('--changed') !== undefined || named.length > 0;
const whole = process.env['CIARD_SLOW_TESTS'] === '1' || process.env['CI'] === 'true';
const leftOut = asked || whole ? [] : files.filter((file) => place(long, file) >= 0);
files = files.filter((file) => !leftOut.includes(file));

allowClosedPipes();
process.chdir(root);
// Each test file is a process, which is started as this one is said to be.
process.execArgv.push(
  '--import',
  'tsx',
  ...args.filter((arg) => arg.startsWith('-') && !own.includes(arg.split('=')[0] ?? '')),
);
// A file a processor, each computing on one, is faster than one file on all: half of the time nothing is computed. A file
// takes up to two gigabytes.
const processors = Math.max(1, Math.min(availableParallelism(), Math.floor(totalmem() / 2 ** 31)));
const concurrency = Number(flag('--test-concurrency') ?? processors);
if (concurrency > 1) process.env['TF_NUM_INTRAOP_THREADS'] ??= '1';

/** Hooks of a whole file are hooks of all that run in its process, so it has one of its own. */
const hook = /^(before|after)(Each)?\(/m;
/** To start Node, TensorFlow and the compiler takes longer than most files: so many share a process. */
const together = 8;
const folderOfGroups = mkdtempSync(join(tmpdir(), 'ciard-tests-'));
process.on('exit', () => {
  rmSync(folderOfGroups, { recursive: true, force: true });
});

/**
 * Files in the order in which they run, short ones of one folder in one: it imports them, and its name says of where.
 * @param {readonly string[]} short @returns {string[]}
 */
const grouped = (short) => {
  /** @type {Map<string, string[]>} */
  const groups = new Map();
  /** @type {string[]} */
  const processes = [];
  for (const file of short) {
    if (hook.test(readFileSync(file, 'utf8'))) {
      processes.push(file);
      continue;
    }
    const name = relative(folder, dirname(file)).replaceAll(/[\\/]/g, '-') || 'test';
    groups.set(name, [...(groups.get(name) ?? []), file]);
  }
  for (const [name, group] of groups) {
    const parts = Math.ceil(group.length / together);
    for (let i = 0; i < parts; i++) {
      const path = join(folderOfGroups, `${name}-${String(i + 1)}.test.mts`);
      const imported = group.filter((_, at) => at % parts === i).map((file) => pathToFileURL(file).href);
      writeFileSync(path, imported.map((file) => `import ${JSON.stringify(file)};\n`).join(''));
      processes.push(path);
    }
  }
  return processes;
};

/** @param {string} file */
const rank = (file) => (place(longest, file) + longest.length + 1) % (longest.length + 1);
const beside = files.filter((file) => place(alone, file) < 0).sort((a, b) => rank(a) - rank(b));
const isLong = (/** @type {string} */ file) => place(longest, file) >= 0 || place(long, file) >= 0;
const first = [...beside.filter(isLong), ...grouped(beside.filter((file) => !isLong(file)))];
const afterwards = files.filter((file) => place(alone, file) >= 0);

const totals = /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) ([\d.]+)$/;

/**
 * @typedef {{
 *   nesting?: number, message?: string, count?: number, testNumber?: number, todo?: unknown, file?: string,
 *   details?: { duration_ms?: number },
 * }} EventData
 */

/** How many of the files that took longest are named. */
const shown = 12;

/** Node's events of several runs, as those of one: numbered through, with one plan and the sums of their totals. */
async function* events() {
  /** @type {Map<string, number>} */
  const sums = new Map();
  /** @type {Map<string, number>} */
  const seconds = new Map();
  let before = 0;
  /** @type {EventData | undefined} */
  let last;
  for (const [batch, atOnce] of /** @type {const} */ ([
    [first, concurrency],
    [afterwards, 1],
  ])) {
    if (batch.length === 0) continue;
    const pattern = flag('--test-name-pattern');
    const stream = run({
      files: batch,
      concurrency: atOnce,
      ...(pattern === undefined ? {} : { testNamePatterns: pattern }),
    });
    let count = 0;
    for await (const event of /** @type {AsyncIterable<{ type: string, data: EventData | undefined }>} */ (stream)) {
      const { type, data } = event;
      const total = type === 'test:diagnostic' && data?.nesting === 0 ? totals.exec(data.message ?? '') : null;
      if ((type === 'test:pass' || type === 'test:fail') && data?.nesting === 0 && data.file !== undefined) {
        seconds.set(data.file, (seconds.get(data.file) ?? 0) + (data.details?.duration_ms ?? 0) / 1000);
      }
      if (type === 'test:fail' && data?.todo === undefined) process.exitCode = 1;
      if (total?.[1] !== undefined) {
        sums.set(total[1], (sums.get(total[1]) ?? 0) + Number(total[2]));
        last = data;
      } else if (type === 'test:plan' && data?.nesting === 0) {
        count = data.count ?? 0;
      } else if (data?.nesting === 0 && data.testNumber !== undefined) {
        yield { type, data: { ...data, testNumber: before + data.testNumber } };
      } else {
        yield event;
      }
    }
    before += count;
  }
  yield { type: 'test:plan', data: { nesting: 0, count: before } };
  const slowest = [...seconds].sort(([, a], [, b]) => b - a).slice(0, shown);
  const text = slowest.map(([file, took]) => `${relative(folder, file)} ${took.toFixed(0)} s`).join(', ');
  yield { type: 'test:diagnostic', data: { ...last, message: `longest: ${text}` } };
  for (const [name, sum] of sums)
    yield { type: 'test:diagnostic', data: { ...last, message: `${name} ${String(sum)}` } };
}

if (leftOut.length > 0) {
  process.stderr.write(
    `Left out, since they take long (CIARD_SLOW_TESTS=1 runs all, "npm test -- FILE" one):\n` +
      leftOut.map((file) => `  ${relative(root, file)}\n`).join(''),
  );
}

// In a log the totals are to be the last lines, which the reporter for terminals follows with the failures.
const reporter = flag('--test-reporter') ?? (process.stdout.isTTY ? 'spec' : 'tap');
const told = /** @type {AsyncGenerator<import('node:test/reporters').TestEvent, void>} */ (
  /** @type {unknown} */ (events())
);
if (reporter === 'spec') Readable.from(told).pipe(new spec()).pipe(process.stdout);
else for await (const text of tap(told)) process.stdout.write(text);
