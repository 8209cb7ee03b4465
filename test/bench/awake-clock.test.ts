import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createAwakeClock } from '../../bench/awake-clock.js';

const wait = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

test('the clock goes as any other, and sees what the processors do', async () => {
  const clock = await createAwakeClock();
  try {
    const start = { clock: clock.seconds(), wall: performance.now() };
    while (performance.now() < start.wall + 1500);
    await wait(200);
    const wall = (performance.now() - start.wall) / 1000;
    assert.equal(clock.pausedSeconds(), 0, 'a busy main thread is no pause');
    assert.ok(Math.abs(clock.seconds() - start.clock - wall) < 0.01);
    assert.ok(clock.busySeconds() > 0.5);
  } finally {
    await clock.dispose();
  }
});

test('while the process is stopped the clock stands still', async () => {
  const module = fileURLToPath(new URL('../../bench/awake-clock.ts', import.meta.url));
  const code = `
    const { createAwakeClock } = await import(${JSON.stringify(module)});
    const clock = await createAwakeClock();
    const start = { clock: clock.seconds(), wall: performance.now() };
    console.log('ready');
    setInterval(() => {
      const wall = (performance.now() - start.wall) / 1000;
      console.log(JSON.stringify({ wall, awake: clock.seconds() - start.clock, paused: clock.pausedSeconds() }));
    }, 500);`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const lines = createInterface({ input: child.stdout });
    await once(lines, 'line');
    await wait(300);
    child.kill('SIGSTOP');
    await wait(2500);
    child.kill('SIGCONT');
    await wait(1500);
    const [line] = (await once(lines, 'line')) as [string];
    const { wall, awake, paused } = JSON.parse(line) as Record<string, number>;
    assert.ok(wall! > 4);
    // The test itself may have been stopped longer.
    assert.ok(paused! > 2.2, `paused ${paused} s`);
    assert.ok(Math.abs(wall! - awake! - paused!) < 1e-3);
  } finally {
    child.kill('SIGKILL');
  }
});
