import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { execa } from 'execa';
import { parse } from 'yaml';
import { writeSafetensors } from '../../src/checkpoints/safetensors.js';
import { dataRoot } from '../../src/data/location.js';
import { DvcError } from '../../src/dvc/dvc-error.js';
import { dvc, dvcPull, dvcStatus, type DvcOptions } from '../../src/dvc/dvc.js';
import { InterruptedError, UserError } from '../../src/errors.js';
import { execute } from '../../src/experiments/execute.js';
import { tableFromCheckpoints } from '../../src/experiments/from-checkpoints.js';
import { defineGrid, type GridSetting } from '../../src/experiments/grid.js';
import { findGrid } from '../../src/experiments/grids.js';
import { grids } from '../../src/experiments/paper-grids.js';
import { sha256OfFile } from '../../src/experiments/network-files.js';
import { recordPipelines, writePipelines } from '../../src/experiments/pipeline-record.js';
import { pipelineSettingsSchema } from '../../src/experiments/pipeline-settings.js';
import { pipelinesOf } from '../../src/experiments/pipeline.js';
import { recordOf, runFolder, type Places } from '../../src/experiments/places.js';
import { settingOf } from '../../src/experiments/setting.js';
import { restoreTrained, shipCheckpoints, shippedFiles } from '../../src/experiments/shipped.js';
import { runTables } from '../../src/experiments/table.js';
import { joinUnits, unitsOf } from '../../src/experiments/units.js';
import { findMethod } from '../../src/methods/catalogue.js';
import { cellRecordSchema } from '../../src/results/cell-record.js';
import { bestFile, stateFile } from '../../src/training/run-folder.js';
import { firstState } from '../../src/training/run-state.js';
import { cloneOf, createCheckout, git, needsDvc } from '../dvc/dvc-repository.js';
import { temporaryFolder } from '../temporary.js';
import { tinyGrid, tinySetting } from './tiny.js';

/** A second table: of the networks of the first, one has a row. */
const blackBox = defineGrid({
  name: 'black-box',
  variants: [{ key: 'ciard', title: 'CIARD', method: findMethod('ciard') }],
  attacks: ['clean', 'bb-cw'],
});
const catalogue = [tinyGrid, blackBox];

const isUserError = (pattern: RegExp) => (error: unknown) => error instanceof UserError && pattern.test(error.message);

const settingsIn = (text: string) => pipelineSettingsSchema.parse(parse(text));

test('files of pipelines are a pure function, of stages that are each in one place', async () => {
  const setting = await settingOf('quick');
  const chosen = grids.map((grid) => ({ grid, rows: grid.rows(setting) }));
  const pipelines = pipelinesOf(chosen, setting);
  assert.deepEqual(
    pipelines.map(({ files }) => files),
    pipelinesOf(chosen, setting).map(({ files }) => files),
  );
  const trained = pipelines.flatMap(({ grid, settings }) => Object.keys(settings.networks).map((name) => [grid, name]));
  const trainings = new Set(grids.flatMap((grid) => unitsOf(grid, setting).map(({ id }) => id)));
  assert.equal(trained.length, trainings.size);
  assert.ok(trained.some(([grid, name]) => grid === 'students' && name === 'ciard-resnet18-s0'));
  for (const { settings, files } of pipelines) {
    assert.deepEqual(settingsIn(files['params.yaml']), settings);
    for (const name of [settings.networks, settings.evaluations, settings.rows].flatMap(Object.keys)) {
      assert.match(name, /^[\w-]+$/);
    }
  }
  // Every setting of a method stands there once, for all its replicates.
  const students = pipelines.find(({ grid }) => grid === 'students')!.settings;
  assert.equal(students.trainings['ciard-resnet18']!.recipe.settings['pushTemperature'], 5);
  assert.deepEqual(students.networks['ciard-resnet18-s2'], {
    training: 'ciard-resnet18',
    seed: 2,
    cleanTeacher: 'networks/clean-teacher',
    robustTeacher: 'networks/robust-teacher',
  });
});

test('trainings in bf16 have a pipeline of their own, whose settings say so', async () => {
  const setting = await settingOf('quick', { replicates: 1, precision: 'bf16' });
  const grid = findGrid('students');
  const [students] = pipelinesOf([{ grid, rows: grid.rows(setting) }], setting);
  assert.equal(students!.folder, 'synthetic-quick-bf16');
  const settings = settingsIn(students!.files['params.yaml']);
  assert.equal(settings.table.precision, 'bf16');
  assert.equal(settings.trainings['ciard-resnet18']!.recipe.precision, 'bf16');
  const plain = await settingOf('quick', { replicates: 1 });
  const [float32] = pipelinesOf([{ grid, rows: grid.rows(plain) }], plain);
  assert.equal(float32!.settings.table.precision, undefined);
});

test('a table alone has the networks of others that it needs, and those alone', async () => {
  const setting = await settingOf('quick', { replicates: 1 });
  const grid = findGrid('degradation');
  const [students, ...others] = pipelinesOf([{ grid, rows: grid.rows(setting) }], setting);
  assert.equal(students!.grid, 'students');
  assert.deepEqual(Object.keys(students!.settings.networks), ['clean-teacher', 'robust-teacher', 'ciard-resnet18-s0']);
  assert.deepEqual(students!.settings.rows, {});
  assert.deepEqual(
    others.map(({ grid: name }) => name),
    ['degradation', 'ablation-terms'],
  );
});

describe('a small table with the real DVC', { skip: needsDvc }, () => {
  const folder = temporaryFolder();
  let root: string;
  let options: DvcOptions;
  let places: Places;
  let setting: GridSetting;
  const pipelineOptions = () => ({ ...options, places, catalogue });
  const own = (...parts: string[]): string => join(root, 'results', 'students', 'synthetic-quick', ...parts);
  const paramsFile = (): string => own('params.yaml');
  /** Runs `dvc repro`; the stages that it ran. */
  const repro = async (more: DvcOptions = {}): Promise<string[]> => {
    const ran: string[] = [];
    await dvc(['repro', '-R', 'results'], {
      ...options,
      ...more,
      say: (line) => {
        const [, stage] = /^Running stage 'results\/(.*)':$/.exec(line) ?? [];
        if (stage !== undefined) ran.push(stage.replace('/synthetic-quick/dvc.yaml', ''));
        more.say?.(line);
      },
    });
    return ran;
  };
  const change = (from: string, to: string): void => {
    const text = readFileSync(paramsFile(), 'utf8');
    assert.equal(text.split(from).length, 2, `"${from}" is not there once`);
    writeFileSync(paramsFile(), text.replace(from, to));
  };

  before(async () => {
    // Stages are processes: they find the data where this one does.
    process.env['CIARD_DATA'] = dataRoot();
    ({ root, options } = createCheckout(folder));
    setting = await tinySetting();
    places = { results: join(root, 'results'), runs: join(root, 'runs', 'cells') };
    const units = joinUnits(catalogue.flatMap((grid) => unitsOf(grid, setting)));
    assert.deepEqual(await execute(units, { places, jobs: 2 }), []);
    await recordPipelines(setting, pipelineOptions());
    await shipCheckpoints(options);
    git(root, 'add', '--all');
    git(root, 'commit', '--quiet', '--message', 'results');
  });

  test('what our executor ran is recorded: nothing is changed, nothing runs', async () => {
    assert.deepEqual(await dvcStatus(['-R', 'results'], options), {});
    assert.deepEqual(await repro(), []);
    // The table of the stage is the one that "ciard table" writes.
    const rendered = ['table.md', 'table.csv', 'table.tex', 'table.html'].map((name) =>
      readFileSync(own(name), 'utf8'),
    );
    await runTables([tinyGrid], setting, { places });
    assert.deepEqual(
      ['table.md', 'table.csv', 'table.tex', 'table.html'].map((name) => readFileSync(own(name), 'utf8')),
      rendered,
    );
    // Git has the files that are small, DVC's remote in the repository the weights.
    assert.equal(git(root, 'status', '--short', '--untracked-files=no'), '');
    const tracked = git(root, 'ls-files').split('\n');
    assert.ok(tracked.includes('results/students/synthetic-quick/dvc.lock'));
    assert.ok(!tracked.some((path) => path.endsWith('.safetensors')));
    assert.deepEqual(
      (await shippedFiles(root))
        .map(({ path, state }) => [path.replace('results/students/synthetic-quick/networks/', ''), state])
        .sort(),
      [
        ['ciard-resnet18-s0/weights/robust-teacher.safetensors', 'whole'],
        ['ciard-resnet18-s0/weights/student.safetensors', 'whole'],
        ['clean-teacher/weights/student.safetensors', 'whole'],
        ['pgd-at-resnet18-s0/weights/student.safetensors', 'whole'],
        ['robust-teacher/weights/student.safetensors', 'whole'],
      ],
    );
  });

  test('metrics and plots are shown', async () => {
    const metrics = await dvc(['metrics', 'show', '--json'], options);
    assert.match(metrics, /students\/synthetic-quick\/evaluations\/ciard-resnet18-s0\.json/);
    const plots = await dvc(['plots', 'show', '--json'], options);
    assert.match(plots, /Robust accuracy on held-out images/);
    assert.match(plots, /"robust": "\d/);
  });

  test('a clone pulls the shipped weights without any other place, and evaluates them without training', async () => {
    const clone = cloneOf(root);
    assert.deepEqual(
      readdirSync(join(clone.root, 'results', 'students', 'synthetic-quick', 'networks', 'ciard-resnet18-s0')).sort(),
      ['curves.csv', 'network.json', 'training.json'],
    );
    const there = { results: join(clone.root, 'results'), runs: join(clone.root, 'runs', 'cells') };
    const given = { ...clone.options, places: there, catalogue };
    const recordFile = readdirSync(join(there.results, 'students', 'records')).find((name) => {
      const { cell } = cellRecordSchema.parse(
        JSON.parse(readFileSync(join(there.results, 'students', 'records', name), 'utf8')),
      );
      return cell.kind === 'evaluate' && cell.attack.name === 'fgsm';
    })!;
    rmSync(join(there.results, 'students', 'records', recordFile));
    const { rows, comparisons, failures, added } = await tableFromCheckpoints(tinyGrid, setting, given);
    assert.deepEqual(failures, []);
    assert.equal(added, 1);
    assert.deepEqual(
      rows.map(({ method, n }) => [method, n]),
      [
        ['pgd-at', 1],
        ['ciard', 1],
      ],
    );
    assert.deepEqual(comparisons.evaluations.map(({ different }) => different).sort(), [0, 0, 0, null].sort());
    assert.ok(existsSync(join(there.results, 'students', 'records', recordFile)));
    assert.ok(!existsSync(there.runs), 'something was trained');

    // All that is shipped comes by DVC's own command, and then nothing is to be done.
    await dvcPull([], clone.options);
    assert.deepEqual(await dvcStatus(['-R', 'results'], clone.options), {});

    // What was not shipped is named, and so is what is damaged.
    const notShipped = /no checkpoint was shipped of pgd-at-resnet18-s1, ciard-resnet18-s1 \(synthetic-quick\)/;
    await assert.rejects(
      tableFromCheckpoints(tinyGrid, { ...setting, replicates: [1] }, given),
      isUserError(notShipped),
    );
    const said: string[] = [];
    const part = await tableFromCheckpoints(
      tinyGrid,
      { ...setting, replicates: [0, 1] },
      { ...given, say: (line) => said.push(line) },
    );
    assert.match(said.join('\n'), notShipped);
    assert.deepEqual(
      part.rows.map(({ n }) => n),
      [1, 1],
    );
    await assert.rejects(
      tableFromCheckpoints({ ...tinyGrid, columns: 'cost' }, setting, given),
      isUserError(/tells of trainings/),
    );
    const path = 'results/students/synthetic-quick/networks/pgd-at-resnet18-s0/weights/student.safetensors';
    rmSync(join(clone.root, path));
    writeFileSync(join(clone.root, path), 'damaged');
    assert.deepEqual(
      (await shippedFiles(clone.root)).filter(({ state }) => state !== 'whole').map((file) => [file.path, file.state]),
      [[path, 'changed']],
    );
    assert.ok(!existsSync(join(there.runs, '..', 'from-checkpoints')), 'the next call would evaluate nothing');
    await assert.rejects(
      tableFromCheckpoints(tinyGrid, setting, given),
      isUserError(/pgd-at-resnet18-s0\/weights\/student\.safetensors is damaged/),
    );
    assert.match(
      JSON.stringify(await dvcStatus(['-R', 'results'], clone.options)),
      /train@pgd-at-resnet18-s0.*pgd-at-resnet18-s0\/weights":"modified"/,
    );
  });

  test('a shipped network need not be trained again, whoever wants it: a student of it, another evaluation', async () => {
    const clone = cloneOf(root);
    const there = { results: join(clone.root, 'results'), runs: join(clone.root, 'runs', 'cells') };
    const cells = unitsOf(tinyGrid, setting).flatMap((unit) => unit.cells);
    const teacher = cells.find(({ name }) => name.endsWith('/robust-teacher'))!;
    assert.equal(await restoreTrained(there, teacher.id, clone.root), true);
    const record = (await recordOf(there, teacher.id, tinyGrid.name))!;
    assert.equal(await sha256OfFile(bestFile(runFolder(there, teacher.id))), record.training!.checkpoint);
    assert.equal(await restoreTrained(there, 'f'.repeat(64), clone.root), false, 'no table has it');
    // One that is trained again goes on, and weights of before a record was measured anew are not taken for its own.
    const run = runFolder(there, teacher.id);
    const stateAt = (epoch: number) =>
      writeSafetensors(stateFile(run), new Map(), {
        run: JSON.stringify({ ...firstState, epoch }),
        identity: JSON.stringify({ recipe: { epochs: 1 } }),
      });
    await stateAt(0);
    assert.equal(await restoreTrained(there, teacher.id, clone.root), false, 'it is under way');
    await stateAt(1);
    assert.equal(await restoreTrained(there, teacher.id, clone.root), true);
    writeFileSync(bestFile(run), 'of before');
    await assert.rejects(
      restoreTrained(there, teacher.id, clone.root),
      isUserError(/holds other weights than its record/),
    );
    const clean = cells.find(({ name }) => name.endsWith('/clean-teacher'))!;
    const file = (await shippedFiles(clone.root)).find(({ path }) => path.includes('clean-teacher'))!;
    writeFileSync(join(clone.root, file.stored!), 'damaged');
    await assert.rejects(
      restoreTrained(there, clean.id, clone.root),
      isUserError(/is damaged\. "git checkout -- checkpoints/),
    );
    assert.ok(!existsSync(bestFile(runFolder(there, clean.id))));
    rmSync(join(clone.root, file.stored!));
    assert.equal(await restoreTrained(there, clean.id, clone.root), false, 'the remote does not have it');
  });

  test('a row that is measured in part is there with that part, and one of which only the network is there, with it', async () => {
    const clone = cloneOf(root);
    const there = { results: join(clone.root, 'results'), runs: join(clone.root, 'runs', 'cells') };
    const cells = unitsOf(tinyGrid, setting).flatMap((unit) => unit.cells);
    const forget = (name: string): void => {
      const { id } = cells.find((cell) => cell.name.endsWith(`/${name}`))!;
      rmSync(join(there.results, 'students', 'records', `${id}.json`));
    };
    const options = { ...clone.options, places: there, catalogue, root: clone.root };
    const table = join(there.results, 'students', 'synthetic-quick', 'table.md');
    const before = readFileSync(table, 'utf8');
    forget('pgd-at-resnet18-s0/fgsm');
    const part = (await recordPipelines(setting, options)).find(({ grid }) => grid === 'students')!.settings;
    const attacks = Object.keys(part.attacks).filter((attack) => attack !== 'fgsm');
    assert.deepEqual(part.evaluations['pgd-at-resnet18-s0']!.attacks, attacks);
    assert.equal(part.table.missing, 1);
    assert.match(readFileSync(table, 'utf8'), /One evaluation is not done yet/);
    assert.deepEqual(await dvcStatus(['-R', 'results'], clone.options), {});

    for (const attack of attacks) forget(`pgd-at-resnet18-s0/${attack}`);
    const { networks, evaluations } = (await recordPipelines(setting, options)).find(
      ({ grid }) => grid === 'students',
    )!.settings;
    assert.ok('pgd-at-resnet18-s0' in networks && !('pgd-at-resnet18-s0' in evaluations));
    const lock = readFileSync(join(table, '..', 'dvc.lock'), 'utf8');
    assert.ok(lock.includes('train@pgd-at-resnet18-s0:') && !lock.includes('evaluate@pgd-at-resnet18-s0:'), lock);
    assert.notEqual(readFileSync(table, 'utf8'), before);
    await shipCheckpoints(clone.options);
    assert.ok(
      (await shippedFiles(clone.root)).some(
        ({ path, state }) => path.includes('pgd-at-resnet18-s0/weights') && state === 'whole',
      ),
    );
    assert.deepEqual(await dvcStatus(['-R', 'results'], clone.options), {});
  });

  test('where weights are nowhere every training of them is named, and nothing is written', async () => {
    const clone = cloneOf(root);
    const there = { results: join(clone.root, 'results'), runs: join(clone.root, 'runs', 'cells') };
    const written = join(there.results, 'students', 'synthetic-quick', 'dvc.yaml');
    rmSync(written);
    for (const { path, stored } of await shippedFiles(clone.root)) {
      if (path.includes('teacher')) continue;
      rmSync(join(clone.root, stored!));
    }
    await assert.rejects(
      recordPipelines(setting, { ...clone.options, places: there, catalogue, root: clone.root }),
      isUserError(
        /neither shipped nor here:\n {2}students, pgd-at-resnet18-s0: .+\n {2}students, ciard-resnet18-s0: .+\n.*--no-dvc/,
      ),
    );
    assert.ok(!existsSync(written));
  });

  test('damage in the remote is told by name', async () => {
    const clone = cloneOf(root);
    const file = (await shippedFiles(root)).find(({ path }) => path.includes('clean-teacher'))!;
    writeFileSync(join(clone.root, file.stored!), 'damaged');
    const found = (await shippedFiles(clone.root)).filter(({ state }) => state !== 'whole');
    assert.deepEqual(found, [{ ...file, state: 'damaged' }]);
    await assert.rejects(
      dvcPull([], clone.options),
      (error) =>
        error instanceof DvcError &&
        error.failure === 'missing' &&
        error.message.includes('networks/clean-teacher/weights'),
    );
    const { stdout, exitCode } = await execa(process.execPath, ['bin/ciard.mjs', 'pipeline', 'verify'], {
      cwd: clone.root,
      reject: false,
    });
    assert.equal(exitCode, 1);
    assert.match(
      stdout,
      /clean-teacher\/weights\/student\.safetensors: damaged in the remote \(checkpoints\/files\/md5/,
    );
  });

  test('one setting of one method: its stages run, and the tables above them', async () => {
    const records = join(root, 'results', 'students', 'records');
    const before = readdirSync(records);
    change('pushTemperature: 5', 'pushTemperature: 3');
    // Stopped in the middle: it goes on.
    const controller = new AbortController();
    const stopped: string[] = [];
    await assert.rejects(
      repro({
        signal: controller.signal,
        say: (line) => {
          stopped.push(line);
          if (/^train |CIARD|ciard.*\d+\/\d+/.test(line)) controller.abort();
        },
      }),
      InterruptedError,
    );
    assert.deepEqual(
      await repro(),
      [
        'students:train@ciard-resnet18-s0',
        'students:evaluate@ciard-resnet18-s0',
        'students:table',
        'black-box:evaluate@ciard-resnet18-s0',
        'black-box:table',
      ],
      stopped.join('\n'),
    );
    const fresh = readdirSync(records).filter((name) => !before.includes(name));
    // The training, and the two evaluations of it.
    assert.equal(fresh.length, 3);
    const recordsOf = fresh.map((name) =>
      cellRecordSchema.parse(JSON.parse(readFileSync(join(records, name), 'utf8'))),
    );
    const training = recordsOf.find(({ cell }) => cell.kind === 'train')!.cell;
    assert.ok(training.kind === 'train');
    assert.equal(training.recipe.settings['pushTemperature'], 3);
    assert.deepEqual(await dvcStatus(['-R', 'results'], options), {});
    const difference = await dvc(['metrics', 'diff', '--json', '--all'], options);
    assert.match(difference, /ciard-resnet18-s0/);

    // A change by hand is not lost.
    await assert.rejects(
      writePipelines(setting, pipelineOptions()),
      (error) =>
        error instanceof UserError &&
        error.message.includes('trainings.ciard-resnet18.recipe.settings.pushTemperature') &&
        error.message.includes('--force'),
    );
    change('images: 160', 'images: 100');
    await assert.rejects(writePipelines(setting, pipelineOptions()), isUserError(/data\.train\.images.*--force/s));
    change('images: 100', 'images: 160');
  });

  test('a setting that is none stops its stage, and says which there are', async () => {
    change('pushTemperature: 3', 'pushTemprature: 3');
    const said: string[] = [];
    await assert.rejects(
      repro({ say: (line) => said.push(line) }),
      (error) =>
        error instanceof DvcError &&
        error.failure === 'stage failed' &&
        error.message.includes('train@ciard-resnet18-s0'),
    );
    assert.match(said.join('\n'), /there is no pushTemprature: known are .*pushTemperature/);
  });
});
