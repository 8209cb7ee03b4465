import { dirname } from 'node:path';
import type { Command } from 'commander';
import { UserError } from '../errors.js';
import type { GridSetting } from '../experiments/grid.js';
import type { ScaleName } from '../experiments/scale-names.js';
import type { Precision } from '../engine/precision.js';
import { precisionOption, replicates, scaleOption } from './cell.js';

interface Flags {
  readonly scale: ScaleName;
  readonly data?: string;
  readonly seeds?: number;
  readonly precision: Precision;
  readonly force?: boolean;
}

const settingFrom = async ({ scale, data, seeds, precision }: Flags): Promise<GridSetting> => {
  const [{ parseDatasetName }, { settingOf }] = await Promise.all([
    import('../data/datasets.js'),
    import('../experiments/setting.js'),
  ]);
  return settingOf(scale, {
    data: data === undefined ? undefined : parseDatasetName(data),
    replicates: seeds,
    precision,
  });
};

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

const withSetting = (command: Command): Command =>
  command
    .addOption(scaleOption())
    .option('--data <name>', "the data set (default: the scale's first)")
    .option('--seeds <n>', 'replicates 0 … n − 1 (default: those of the scale)', replicates)
    .addOption(precisionOption())
    .option('--force', 'write over settings that were changed by hand in params.yaml');

/** The settings of a stage: `params.yaml`, in the folder that DVC runs the stage in. */
const stageOf = async (file: string) => {
  const { readPipelineSettings } = await import('../experiments/pipeline-settings.js');
  return { settings: await readPipelineSettings(file), folder: dirname(file) };
};

const stageOptions = async () => {
  const [{ defaultPlaces }, { terminalProgress }] = await Promise.all([
    import('../experiments/places.js'),
    import('../progress.js'),
  ]);
  return { places: defaultPlaces(), progress: terminalProgress() };
};

/** `ciard pipeline`: tables as DVC knows them. */
export const add = (program: Command): void => {
  const pipeline = program
    .command('pipeline')
    .description(
      'tables as DVC runs, records and ships them (results/<table>/<data>-<scale>/dvc.yaml and params.yaml)',
    );

  withSetting(
    pipeline
      .command('write')
      .description(
        'write dvc.yaml and params.yaml of tables, so that "dvc repro" runs them; and of all that is measured',
      )
      .argument('[tables...]', '"ciard table --help" names them'),
  ).action(async (names: string[], flags: Flags) => {
    const [{ findGrid }, { defaultPlaces }, { writePipelines }] = await Promise.all([
      import('../experiments/grids.js'),
      import('../experiments/places.js'),
      import('../experiments/pipeline-record.js'),
    ]);
    const { force = false } = flags;
    const written = await writePipelines(
      await settingFrom(flags),
      { places: defaultPlaces(), force },
      names.map(findGrid),
    );
    for (const { grid, folder } of written) process.stdout.write(`results/${grid}/${folder}/dvc.yaml\n`);
    if (written.length === 0) throw new UserError('nothing is measured yet: name the tables that are to be written.');
  });

  withSetting(
    pipeline
      .command('record')
      .description('tell DVC of what was measured: dvc.yaml, params.yaml, metrics, plots, weights and dvc.lock'),
  ).action(async (flags: Flags) => {
    const [{ defaultPlaces }, { recordPipelines }] = await Promise.all([
      import('../experiments/places.js'),
      import('../experiments/pipeline-record.js'),
    ]);
    const { force = false } = flags;
    const recorded = await recordPipelines(await settingFrom(flags), { places: defaultPlaces(), force, say });
    if (recorded.length === 0) throw new UserError('nothing is measured in full yet: "ciard table" comes first.');
    for (const { grid, folder, settings } of recorded) {
      const { networks, evaluations } = settings;
      process.stdout.write(
        `results/${grid}/${folder}: ${Object.keys(networks).length} trainings, ${Object.keys(evaluations).length} evaluations\n`,
      );
    }
  });

  pipeline
    .command('ship')
    .description("put the weights that DVC has recorded (replicate 0) into the repository's own remote, checkpoints/")
    .action(async () => {
      const { shipCheckpoints } = await import('../experiments/shipped.js');
      const files = await shipCheckpoints({ say });
      process.stdout.write(`${files.length} checkpoints lie in checkpoints/: commit them with results/\n`);
    });

  pipeline
    .command('verify')
    .description('prove that shipped checkpoints are those that were recorded (exit code 1 where one is not)')
    .option('--json', 'print the files as JSON')
    .action(async ({ json = false }: { json?: boolean }) => {
      const { shippedFiles } = await import('../experiments/shipped.js');
      const files = await shippedFiles();
      if (json) process.stdout.write(`${JSON.stringify(files, null, 2)}\n`);
      else {
        for (const { path, stored, state } of files) {
          if (state === 'whole') continue;
          process.stdout.write(
            `${path}: ${
              state === 'damaged'
                ? `damaged in the remote (${stored!}); "git checkout ${stored!}" brings it back`
                : state === 'changed'
                  ? 'differs from what was recorded; remove it, and "dvc pull" brings it back'
                  : 'not shipped'
            }\n`,
          );
        }
        process.stdout.write(`${files.filter(({ state }) => state === 'whole').length} of ${files.length} are whole\n`);
      }
      if (files.some(({ state }) => state === 'damaged' || state === 'changed')) process.exitCode = 1;
    });

  for (const { stage, does, of } of [
    { stage: 'train', does: 'train a network with the settings of params.yaml', of: 'network' },
    { stage: 'evaluate', does: 'evaluate a network under the attacks of params.yaml', of: 'evaluation' },
  ] as const) {
    pipeline
      .command(stage)
      .description(`a stage: ${does}`)
      .argument('<params>', 'the file')
      .argument(`<${of}>`, 'its name there')
      .action(async (file: string, name: string) => {
        const [settings, options] = await Promise.all([stageOf(file), stageOptions(), import('../engine/backend.js')]);
        const { runEvaluateStage, runTrainStage } = await import('../experiments/stages.js');
        await { train: runTrainStage, evaluate: runEvaluateStage }[stage](settings, name, options);
      });
  }

  pipeline
    .command('table')
    .description('a stage: render the table of params.yaml')
    .argument('<params>', 'the file')
    .action(async (file: string) => {
      const [stage, options] = await Promise.all([stageOf(file), stageOptions()]);
      const { runTableStage } = await import('../experiments/stages.js');
      await runTableStage(stage, options);
    });
};
