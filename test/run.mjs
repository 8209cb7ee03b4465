// Runs the tests with Node's runner: all of them, or the files and folders that are named. Arguments that begin with a
// dash go to Node (`--test-name-pattern=…`).
import { spawn } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const folder = dirname(fileURLToPath(import.meta.url));
const root = dirname(folder);

/** Node 20 finds no files by pattern. @param {string} path @returns {string[]} */
const testsIn = (path) =>
  statSync(path).isDirectory()
    ? readdirSync(path)
        .sort()
        .flatMap((name) =>
          statSync(join(path, name)).isDirectory() || name.endsWith('.test.ts') ? testsIn(join(path, name)) : [],
        )
    : [path];

const args = process.argv.slice(2);
const flags = args.filter((arg) => arg.startsWith('-'));
const named = args.filter((arg) => !arg.startsWith('-'));
/** @type {string[]} */
let files = [];
try {
  files = (named.length > 0 ? named : [folder]).flatMap(testsIn);
} catch (error) {
  process.stderr.write(`test/run.mjs: ${/** @type {Error} */ (error).message}\n`);
  process.exit(2);
}

// TensorFlow uses every processor by itself: a second file at the same time only where there are four.
const concurrency = Math.max(1, Math.floor(availableParallelism() / 2));
const child = spawn(
  process.execPath,
  [
    ...['--import', 'tsx', '--test', `--test-concurrency=${concurrency}`],
    // In a log the totals are to be the last lines, which the reporter for terminals follows with the failures.
    `--test-reporter=${process.stdout.isTTY ? 'spec' : 'tap'}`,
    ...flags,
    ...files.map((file) => relative(root, resolve(file))),
  ],
  { cwd: root, stdio: 'inherit' },
);
child.on('close', (code, signal) => {
  process.exitCode = signal === null ? (code ?? 1) : 1;
});
