import assert from 'node:assert/strict';
import { test } from 'node:test';
import { joinUnits, unitsOf, type Unit } from '../../src/experiments/units.js';
import { grids } from '../../src/experiments/paper-grids.js';
import { settingOf } from '../../src/experiments/setting.js';
import { planArrays, type ArrayJob, type PendingUnit } from '../../src/slurm/plan.js';

const all = async (): Promise<Unit[]> => {
  const setting = await settingOf('paper', { data: 'cifar10', replicates: 2 });
  return joinUnits(grids.flatMap((grid) => unitsOf(grid, setting)));
};
const pendingOf = (units: readonly Unit[]): PendingUnit[] =>
  units.map((unit) => ({
    unit,
    trains: true,
    evaluations: unit.cells.filter(({ cell }) => cell.kind === 'evaluate').map(({ id }) => id),
  }));

/** Trainings in the jobs before one. */
const trainedBefore = (jobs: readonly ArrayJob[], place: number): Set<string> =>
  new Set(
    jobs.slice(0, place).flatMap(({ kind, tasks }) => (kind === 'train' ? tasks.map(({ cells }) => cells[0]!) : [])),
  );

for (const largest of [1000, 7]) {
  test(`every cell of every table is in one task, after what it needs and nothing else (arrays of ${largest})`, async () => {
    const units = await all();
    const jobs = planArrays(pendingOf(units), new Set(), largest);
    const cells = jobs.flatMap(({ tasks }) => tasks.flatMap((task) => task.cells));
    assert.deepEqual([...cells].sort(), units.flatMap((unit) => unit.cells.map(({ id }) => id)).sort());

    const needsOf = new Map(units.flatMap((unit) => unit.cells.map(({ id, needs }) => [id, needs] as const)));
    const modelOf = new Map(
      units.flatMap((unit) =>
        unit.cells.map(({ id, cell }) => [id, cell.kind === 'evaluate' ? cell.model : null] as const),
      ),
    );
    jobs.forEach((job, place) => {
      assert.ok(job.tasks.length <= largest);
      const indices = job.tasks.map(({ index }) => index);
      assert.equal(new Set(indices).size, indices.length);
      assert.ok(Math.max(...indices) < largest);
      for (const need of job.after) assert.ok(trainedBefore(jobs, place).has(need), 'it waits for a later job');
      for (const { index, cells: own } of job.tasks) {
        const wanted = new Set(own.flatMap((id) => needsOf.get(id)!));
        if (job.follows !== null) {
          // Element i follows element i.
          const followed = jobs[job.follows]!.tasks.find((task) => task.index === index)!;
          assert.deepEqual(new Set(own.map((id) => modelOf.get(id))), new Set(followed.cells));
          wanted.delete(followed.cells[0]!);
        }
        assert.deepEqual([...wanted].sort(), [...job.after].sort());
      }
    });
  });
}

test('what is done is left out; what is under way is waited for, and not handed in again', async () => {
  const units = await all();
  const robust = units.find(({ name }) => name.endsWith('/robust-teacher'))!;
  const student = units.find(({ name }) => name.includes('/rslad-'))!;
  const evaluations = student.cells.slice(1).map(({ id }) => id);
  const jobs = planArrays([{ unit: student, trains: true, evaluations }], new Set([robust.id]), 1000);
  assert.deepEqual(
    jobs.map(({ kind, after, follows }) => [kind, after.includes(robust.id), follows]),
    [
      ['train', true, null],
      ['evaluate', jobs[1]!.after.includes(robust.id), 0],
    ],
  );
  // Its own training is under way: the evaluations that were not handed in with it wait for it.
  const [only, ...others] = planArrays(
    [{ unit: student, trains: false, evaluations: evaluations.slice(0, 1) }],
    new Set([student.id]),
    1000,
  );
  assert.deepEqual([only!.kind, only!.after, only!.follows, others.length], ['evaluate', [student.id], null, 0]);
  // All is done but one evaluation.
  const [last] = planArrays([{ unit: student, trains: false, evaluations: evaluations.slice(0, 1) }], new Set(), 1000);
  assert.deepEqual([last!.after, last!.follows], [[], null]);
  assert.deepEqual(planArrays([], new Set(), 1000), []);
});
