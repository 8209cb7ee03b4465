import { createWriteStream, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { precisions } from '../engine/precision.js';
import { InterruptedError, messageOf, UserError } from '../errors.js';
import type { PlannedCell } from '../experiments/grid.js';
import type { Places } from '../experiments/places.js';
import { scaleNames } from '../experiments/scale-names.js';
import type { Answer, Order } from '../experiments/workers.js';
import type { Progress } from '../progress.js';
import { chosenTables, type SettingFlags } from './chosen-tables.js';

interface ListFlags extends SettingFlags {
  readonly json?: boolean;
}

interface RunFlags {
  readonly results?: string;
  readonly runs?: string;
  readonly requeue?: boolean;
}

export const replicates = (text: string): number => {
  const value = Number(text);
  if (!(Number.isInteger(value) && value >= 1)) throw new InvalidArgumentError('a whole number from 1 is wanted.');
  return value;
};

export const scaleOption = (): Option =>
  new Option('--scale <scale>', 'quick: embedded data, minutes; lite: real data, hours; paper: the published recipes')
    .choices(scaleNames)
    .default('quick');

export const precisionOption = (): Option =>
  new Option(
    '--precision <precision>',
    'of the arithmetic while training: bf16, mixed precision, is quicker on processors with AMX; evaluations are in float32',
  )
    .choices(precisions)
    .default('float32');

type Finding = PlannedCell & { readonly grid: string };

/** How running cells ended: an exit code, and what there is to say. */
type Ending = Omit<Answer, 'memory'>;

/** A cell that was planned here before, or one of the tables'; a beginning of its id is enough. */
const findCell = async (text: string, runs: string): Promise<Finding> => {
  const { z } = await import('zod');
  const { cellId, cellIdSchema, cellSchema } = await import('../results/cell.js');
  const plannedSchema = z.strictObject({
    id: cellIdSchema,
    name: z.string(),
    grid: z.string(),
    cell: cellSchema,
    needs: z.array(cellIdSchema),
  });
  if (!/^[0-9a-f]{6,64}$/.test(text)) {
    throw new UserError(
      `"${text}" is no id of a cell: wanted are its first 6 to 64 hexadecimal digits ("ciard cell list").`,
    );
  }
  const ids = existsSync(runs) ? readdirSync(runs).filter((name) => name.startsWith(text)) : [];
  for (const id of ids) {
    const file = join(runs, id, 'cell.json');
    if (!existsSync(file)) continue;
    const planned = plannedSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
    if (cellId(planned.cell) === planned.id) return planned;
  }
  const [{ cellsOf }, { allGrids }, { settingOf }, { scales }] = await Promise.all([
    import('../experiments/grid.js'),
    import('../experiments/grids.js'),
    import('../experiments/setting.js'),
    import('../experiments/scale.js'),
  ]);
  for (const scale of scaleNames) {
    for (const data of scales[scale].datasets) {
      for (const precision of precisions) {
        const setting = await settingOf(scale, { data, precision });
        for (const grid of allGrids) {
          const found = cellsOf(grid, setting).find(({ id }) => id.startsWith(text));
          if (found) return { ...found, grid: grid.name };
        }
      }
    }
  }
  throw new UserError(`there is no cell ${text} in any table: "ciard cell list" lists them.`);
};

const placesOf = async ({ results, runs }: RunFlags) => {
  const { defaultPlaces } = await import('../experiments/places.js');
  const places = defaultPlaces();
  return { results: results ?? places.results, runs: runs ?? places.runs };
};

/** Of a worker: those of its last trainings, and of evaluations at the sizes that occur. */
const programsKept = 24;

/** Runs cells in this process. What goes wrong is an answer: its exit code, and what there is to say. */
const runNamed = async (
  texts: readonly string[],
  places: Places,
  { progress, onDone }: { readonly progress: Progress; readonly onDone: (name: string) => void },
): Promise<Ending> => {
  const [{ exitCodes }, { HeldError }, { checkFolderWritable }] = await Promise.all([
    import('../experiments/workers.js'),
    import('../exclusive.js'),
    import('../atomic-write.js'),
  ]);
  const planned: Finding[] = [];
  try {
    for (const text of texts) planned.push(await findCell(text, places.runs));
  } catch (error) {
    if (error instanceof UserError) return { exitCode: exitCodes.unknown, message: error.message };
    throw error;
  }
  for (const folder of [places.runs, places.results]) await checkFolderWritable(folder);
  await import('../engine/backend.js');
  const { runCells } = await import('../experiments/run-cell.js');
  try {
    await runCells(planned, { places, grid: planned[0]!.grid, progress }, ({ name }) => {
      onDone(name);
    });
    return { exitCode: exitCodes.done, message: null };
  } catch (error) {
    if (error instanceof InterruptedError || error instanceof HeldError) {
      return { exitCode: exitCodes.resumable, message: error.message };
    }
    const message = error instanceof UserError ? error.message : ((error as Error).stack ?? messageOf(error));
    return { exitCode: exitCodes.failed, message };
  }
};

export const add = (program: Command): void => {
  const cell = program.command('cell').description('the single trainings and evaluations that tables are made of');

  cell
    .command('list')
    .description('list the cells of a table, or of all tables of a scale')
    .argument('[table]', '"ciard table --help" names them')
    .addOption(scaleOption())
    .option('--data <name>', "the data set (default: the scale's first)")
    .option('--seeds <n>', 'replicates (default: those of the scale)', replicates)
    .addOption(precisionOption())
    .option('--json', 'print the list as JSON')
    .action(async (name: string | undefined, flags: ListFlags) => {
      const { json = false } = flags;
      const [{ cellsOf }, { defaultPlaces, recordOf }] = await Promise.all([
        import('../experiments/grid.js'),
        import('../experiments/places.js'),
      ]);
      const { chosen, setting } = await chosenTables(name, flags);
      const cells = new Map(chosen.flatMap((grid) => cellsOf(grid, setting)).map((each) => [each.id, each]));
      const places = defaultPlaces();
      const list = [];
      for (const {
        id,
        cell: { kind },
        name: title,
      } of cells.values()) {
        list.push({ id, kind, name: title, done: (await recordOf(places, id)) !== undefined });
      }
      if (json) {
        process.stdout.write(`${JSON.stringify(list, null, 2)}\n`);
        return;
      }
      const { textOfTable } = await import('../tables/text.js');
      const table = textOfTable({
        columns: ['id', 'kind', 'cell', 'done'].map((title) => ({ title })),
        rows: list.map(({ id, kind, name: title, done }) => [id.slice(0, 12), kind, title, done ? 'yes' : 'no']),
      });
      process.stdout.write(`${table}\n`);
    });

  cell
    .command('show')
    .description('show a cell: all that decides its outcome, and its record where there is one')
    .argument('<id>', 'its id, or the beginning of it')
    .action(async (text: string) => {
      const places = await placesOf({});
      const { grid, ...planned } = await findCell(text, places.runs);
      const { recordOf } = await import('../experiments/places.js');
      const record = await recordOf(places, planned.id, grid);
      process.stdout.write(`${JSON.stringify({ ...planned, table: grid, record: record ?? null }, null, 2)}\n`);
    });

  cell
    .command('run')
    .description(
      'run cells in this process, on one TensorFlow thread as tables do, or as many as TF_NUM_INTRAOP_THREADS says (exit ' +
        'codes: 0 done, 75 interrupted or in use and to be run again, 1 failed, 2 unknown)',
    )
    .argument('<ids...>', 'ids, or the beginnings of them')
    .option('--results <folder>', 'where the records go (default: results)')
    .option('--runs <folder>', 'what is gone on with (default: runs/cells)')
    .option('--requeue', 'as a task of SLURM that is interrupted: have SLURM queue it again')
    .action(async (texts: string[], flags: RunFlags) => {
      const [{ exitCodes, oneThread }, { terminalProgress }] = await Promise.all([
        import('../experiments/workers.js'),
        import('../progress.js'),
      ]);
      // Before TensorFlow loads, which reads them.
      for (const [name, value] of Object.entries(oneThread)) process.env[name] ??= value;
      const { exitCode, message } = await runNamed(texts, await placesOf(flags), {
        progress: terminalProgress(),
        onDone: (name) => {
          process.stdout.write(`${name}: done\n`);
        },
      });
      process.exitCode = exitCode;
      if (message !== null) process.stderr.write(`ciard: ${message}\n`);
      if (exitCode === exitCodes.resumable && flags.requeue) {
        const { requeueTask } = await import('../slurm/requeue.js');
        await requeueTask();
      }
    });

  cell
    .command('work', { hidden: true })
    .description('run cells for the process that started this one, as it asks for them')
    .requiredOption('--results <folder>')
    .requiredOption('--runs <folder>')
    .action(async (places: Places) => {
      const [
        { getEachMessage, sendMessage },
        { interruptSignal, setInterruptSignal },
        { terminalProgress },
        { keepPrograms },
      ] = await Promise.all([
        import('execa'),
        import('../interruption.js'),
        import('../progress.js'),
        import('../engine/kept-programs.js'),
      ]);
      keepPrograms(programsKept);
      // Whoever started this process is gone, however it ended: what is done is saved, and nothing goes on unseen.
      const gone = new AbortController();
      process.once('disconnect', () => {
        gone.abort();
      });
      const signal = AbortSignal.any([interruptSignal(), gone.signal]);
      setInterruptSignal(signal);
      try {
        for await (const message of getEachMessage()) {
          const { ids, log } = message as unknown as Order;
          const lines = createWriteStream(log);
          const answer = await runNamed(ids, places, {
            progress: terminalProgress(lines),
            onDone: (name) => lines.write(`${name}: done\n`),
          });
          if (answer.message !== null) lines.write(`ciard: ${answer.message}\n`);
          await new Promise<void>((resolve) => lines.end(resolve));
          if (gone.signal.aborted) break;
          await sendMessage({ ...answer, memory: process.memoryUsage.rss() });
          if (signal.aborted) break;
        }
      } finally {
        // An open channel keeps the process.
        if (process.connected) process.disconnect();
      }
    });
};
