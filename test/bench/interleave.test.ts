import assert from 'node:assert/strict';
import { test } from 'node:test';
import { benchCases } from '../../bench/cases.js';
import { interleave, type MeasuredProcess, type Side, type SideName } from '../../bench/interleave.js';

const idle = (): MeasuredProcess => ({ processorSeconds: () => 0 });

/** A side that takes the given milliseconds and writes down what is asked of it. */
const sideOf = (name: SideName, milliseconds: number, journal: string[], process = idle()): Side => ({
  name,
  process,
  prepare: () => {
    journal.push(`${name} prepare`);
    return Promise.resolve({
      run: (repeats) => {
        journal.push(`${name} ${repeats}`);
        return Promise.resolve(Array.from({ length: repeats }, () => milliseconds));
      },
      dispose: () => {
        journal.push(`${name} dispose`);
        return Promise.resolve();
      },
    });
  },
});

test('interleave: sides take turns, each warmed up, and as many runs as the slowest allows', async () => {
  const journal: string[] = [];
  const torch = idle();
  const sides = [
    sideOf('ours', 200, journal),
    sideOf('pytorch', 500, journal, torch),
    sideOf('channelsLast', 400, journal, torch),
  ];
  const { times } = await interleave(benchCases[0]!, sides, { rounds: 2 });
  const turn = ['ours 1', 'ours 2', 'pytorch 1', 'pytorch 2', 'channelsLast 1', 'channelsLast 2'];
  assert.deepEqual(journal, [
    ...sides.flatMap(({ name }) => [`${name} prepare`, `${name} 2`]),
    ...turn,
    ...turn,
    ...sides.map(({ name }) => `${name} dispose`),
  ]);
  assert.equal(times.ours?.median, 200);
  assert.equal(times.pytorch?.median, 500);
  assert.equal(times.channelsLast?.runs, 4);
});

test('interleave: a side that is busy while another has its turn is found out', async () => {
  let seconds = 0;
  const busy: MeasuredProcess = { processorSeconds: () => (seconds += 60) };
  const quiet = await interleave(benchCases[0]!, [sideOf('ours', 1, []), sideOf('pytorch', 1, [])], { rounds: 1 });
  assert.equal(quiet.overlap, 0);
  const loud = await interleave(benchCases[0]!, [sideOf('ours', 1, []), sideOf('pytorch', 1, [], busy)], { rounds: 1 });
  assert.ok(loud.overlap > 1);
});

test('interleave: what was prepared is freed where a side fails', async () => {
  const journal: string[] = [];
  const failing: Side = { name: 'pytorch', process: idle(), prepare: () => Promise.reject(new Error('out of memory')) };
  await assert.rejects(
    interleave(benchCases[0]!, [sideOf('ours', 1, journal), failing], { rounds: 1 }),
    /out of memory/,
  );
  assert.equal(journal.at(-1), 'ours dispose');
});
