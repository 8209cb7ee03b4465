import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../bench/main.ts', import.meta.url));

const bench = (...flags: string[]): { status: number | null; stdout: string; stderr: string } =>
  spawnSync(process.execPath, ['--import', 'tsx', main, ...flags], { encoding: 'utf8' });

test('bench: bad flags end with code 2 and one message', () => {
  for (const [flags, message] of [
    [['--only', 'nothing-of-that-name'], /matches none of/],
    [['--repeats', '0'], /at least 1/],
    [['--out', join(tmpdir(), 'no-such-folder', 'x', 'bench.json')], /its folder is not there/],
    [['--out', '/dev/stdout'], /\/dev\/stdout can't be written/],
    [['--trial', '--only', 'step/mobilenetv2/32'], /--trial is given, but AutoAttack is not asked for/],
    [['--python', '/no/such/python'], /there is no such file/],
  ] as const) {
    const { status, stderr } = bench(...flags);
    assert.equal(status, 2);
    assert.match(stderr, message);
    assert.doesNotMatch(stderr, /\n {4}at /);
  }
});

test('bench: without a Python only ours is measured', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bench-'));
  try {
    const file = join(folder, 'bench.json');
    const { status, stdout, stderr } = bench('--only', 'attack-step/mobilenetv2/32', '--repeats', '1', '--out', file);
    assert.equal(status, 0, stderr);
    assert.match(stdout, /attack-step\/mobilenetv2\/32 {2}/);
    const { rows } = JSON.parse(readFileSync(file, 'utf8')) as { rows: Record<string, unknown>[] };
    assert.deepEqual(
      rows.map(({ work, network, batch, pytorch, channelsLast }) => ({ work, network, batch, pytorch, channelsLast })),
      ['attack-step'].map((work) => ({
        work,
        network: 'mobilenetv2',
        batch: 32,
        pytorch: null,
        channelsLast: null,
      })),
    );
    for (const { ours } of rows) assert.ok(typeof ours === 'number' && ours > 0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
