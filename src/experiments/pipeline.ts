import { posix } from 'node:path';
import { stringify } from 'yaml';
import { UserError } from '../errors.js';
import { cellId, type CellId, type TrainCell } from '../results/cell.js';
import { cellsOf, settingName, tableCommand, type Grid, type GridRow, type GridSetting } from './grid.js';
import { grids } from './paper-grids.js';
import { noNetwork, type PipelineSettings } from './pipeline-settings.js';

/** What DVC is told of one table at one scale on one data set. */
export interface Pipeline {
  readonly grid: string;
  /** Of the data set and the scale, below the table's: 'synthetic-quick'. */
  readonly folder: string;
  readonly settings: PipelineSettings;
  /** `dvc.yaml` and `params.yaml`. */
  readonly files: Readonly<Record<'dvc.yaml' | 'params.yaml', string>>;
}

/** Rows of a table that are to be stages. */
export interface PipelineRows {
  readonly grid: Grid;
  readonly rows: readonly GridRow[];
  /** Evaluations of the table that its rows lack. */
  readonly missing?: number;
}

/** The replicate whose weights are stages' outputs: kept by DVC, and shipped. Of the others it keeps what was measured. */
export const shippedReplicate = 0;

/** A name that is a key of YAML, a part of a path and of DVC's dotted settings. */
const plainName = (name: string): string => name.replace(/[^A-Za-z0-9_-]/g, '_');

/** Where the network of a training lies: with the first table that has it. */
export interface NetworkPlace {
  readonly grid: string;
  /** 'ciard-resnet18-s0' */
  readonly name: string;
  readonly cell: TrainCell;
}

const nameInGrid = (planned: string): string => plainName(planned.split('/')[1]!);

/** The place of every training of tables, by its id. */
export const networkPlaces = (setting: GridSetting, catalogue: readonly Grid[] = grids): Map<CellId, NetworkPlace> => {
  const places = new Map<CellId, NetworkPlace>();
  for (const grid of catalogue) {
    for (const { id, cell, name } of cellsOf(grid, setting)) {
      if (cell.kind !== 'train' || places.has(id)) continue;
      places.set(id, { grid: grid.name, name: nameInGrid(name), cell });
    }
  }
  return places;
};

/** What replicates share has their name without the replicate. */
const withoutReplicate = (name: string): string => name.replace(/-s\d+$/, '');

/** Sets a value that is the same for all who set it. */
const setOnce = <T>(section: Record<string, T>, name: string, value: T, where: string): void => {
  const before = section[name];
  if (before !== undefined && JSON.stringify(before) !== JSON.stringify(value)) {
    throw new Error(`${where} "${name}" is to have two meanings`);
  }
  section[name] = value;
};

/** @throws UserError where DVC has no stages of a table, and ships no weights of it: what stands beside the paper's */
export const checkHasPipeline = ({ name }: Grid, setting: GridSetting, catalogue: readonly Grid[] = grids): void => {
  if (catalogue.some((grid) => grid.name === name)) return;
  throw new UserError(
    `the table ${name} stands beside those of the paper: DVC has no stages of it, and none of its weights are shipped. ` +
      `"${tableCommand(name, setting)}" runs it. With stages are ${catalogue.map((grid) => grid.name).join(', ')}.`,
  );
};

const command = (stage: string): string => `node ../../../bin/ciard.mjs pipeline ${stage} params.yaml`;
const uncached = (path: string): Record<string, { cache: false }> => ({ [path]: { cache: false } });

const header = (what: string): string =>
  `# ${what} Written by "npx ciard pipeline"; not by hand.\n` +
  '# A stage is one network trained (train@…) or evaluated under all attacks of the table (evaluate@…).\n' +
  `# DVC keeps the weights of replicate ${shippedReplicate}; of the others the folder is empty, and they are trained again where they are\n` +
  '# needed. networks/none stands for the teacher that a method does not have.\n';

const settingsHeader =
  '# The settings of this table\'s stages, every one resolved. Written by "npx ciard pipeline write"; change one here, and\n' +
  '# "dvc repro" runs the stages that it concerns and the tables above them.\n';

/** The definition of stages. Names come from `settings` by DVC's own `foreach`. */
const dvcFile = (settings: PipelineSettings): string => {
  const { networks, evaluations, rows } = settings;
  const weights = (test: (seed: number) => boolean): string[] =>
    Object.entries(networks).flatMap(([name, { seed }]) => (test(seed) ? [name] : []));
  const curves = weights((seed) => seed === shippedReplicate).map((name) => `networks/${name}/curves.csv`);
  const plot = (title: string, column: string): Record<string, unknown> => ({
    [title]: {
      x: 'epoch',
      y: Object.fromEntries(curves.map((file) => [file, column])),
      title,
      x_label: 'epoch',
      y_label: 'percent',
    },
  });
  const of = (path: string): string => `${path}/network.json`;
  const networkFiles = [...new Set(Object.values(evaluations).map(({ network }) => of(network)))];
  const content = {
    stages: {
      ...(Object.keys(networks).length > 0
        ? {
            train: {
              foreach: '${networks}',
              do: {
                cmd: `${command('train')} \${key}`,
                params: ['data', 'trainings.${item.training}', 'networks.${key}'],
                deps: [of('${item.cleanTeacher}'), of('${item.robustTeacher}')],
                outs: ['networks/${key}/weights', uncached('networks/${key}/network.json')],
                metrics: [uncached('networks/${key}/training.json')],
                plots: [{ 'networks/${key}/curves.csv': { cache: false, x: 'epoch', y: 'robust' } }],
              },
            },
          }
        : {}),
      ...(Object.keys(evaluations).length > 0
        ? {
            evaluate: {
              foreach: '${evaluations}',
              do: {
                cmd: `${command('evaluate')} \${key}`,
                params: ['data', 'attacks', 'evaluations.${key}'],
                deps: [of('${item.network}'), of('${item.surrogate}')],
                metrics: [uncached('evaluations/${key}.json')],
              },
            },
            table: {
              cmd: command('table'),
              params: ['table', 'rows'],
              deps: [...Object.keys(evaluations).map((name) => `evaluations/${name}.json`), ...networkFiles],
              outs: ['md', 'csv', 'tex', 'html'].map((ending) => uncached(`table.${ending}`)),
            },
          }
        : {}),
    },
    ...(curves.length > 0
      ? {
          plots: [plot('Accuracy on held-out images', 'clean'), plot('Robust accuracy on held-out images', 'robust')],
        }
      : {}),
  };
  const rowCount = Object.keys(rows).length;
  return `${header(`The table "${settings.table.title}"${rowCount === 0 ? ', of which other tables have the networks' : ''}.`)}${stringify(content, { lineWidth: 0 })}`;
};

/**
 * The pipelines of tables: a pure function of rows. A network that several tables have is a stage of the first of them;
 * a table whose networks are wanted is there too, with those alone.
 * @param trained networks that are to be there though no row of them is
 */
export const pipelinesOf = (
  chosen: readonly PipelineRows[],
  setting: GridSetting,
  catalogue: readonly Grid[] = grids,
  trained: readonly CellId[] = [],
): Pipeline[] => {
  const { data, scale, precision } = setting;
  const folder = settingName(setting);
  const networks = networkPlaces(setting, catalogue);
  const drafts = new Map<string, PipelineSettings>();
  const draftOf = (name: string): PipelineSettings => {
    const known = drafts.get(name);
    if (known) return known;
    const { title, question, columns } = catalogue.find((grid) => grid.name === name)!;
    const draft: PipelineSettings = {
      table: {
        ...{ name, title, question, columns, scale: scale.name },
        ...(precision === 'float32' ? {} : { precision }),
      },
      data: {
        name: data.name,
        train: { md5: data.train.md5, images: scale.trainImages },
        test: { md5: data.test.md5 },
      },
      attacks: {},
      trainings: {},
      networks: {},
      evaluations: {},
      rows: {},
    };
    drafts.set(name, draft);
    return draft;
  };
  const placeOf = (id: CellId): NetworkPlace => {
    const place = networks.get(id);
    if (place) return place;
    throw new Error(`the training ${id} is none of any table`);
  };
  /** The folder of a network as seen from a table's. */
  const pathFrom = (grid: string, id: CellId | null): string => {
    if (id === null) return noNetwork;
    const place = placeOf(id);
    const path = `networks/${place.name}`;
    return place.grid === grid ? path : posix.join('../..', place.grid, folder, path);
  };
  const addNetwork = (id: CellId): void => {
    const { grid, name, cell } = placeOf(id);
    const draft = draftOf(grid);
    if (name in draft.networks) return;
    const { clean, robust } = cell.teachers;
    for (const teacher of [clean, robust]) if (teacher !== null) addNetwork(teacher);
    const training = withoutReplicate(name);
    const { revision, method, network, recipe } = cell;
    setOnce(draft.trainings, training, { revision, method, network, recipe }, `the training of ${grid}`);
    draft.networks[name] = {
      training,
      seed: cell.seed,
      cleanTeacher: pathFrom(grid, clean),
      robustTeacher: pathFrom(grid, robust),
    };
  };
  for (const { grid, rows, missing = 0 } of chosen) {
    const names = new Map(cellsOf(grid, setting).map(({ id, name }) => [id, nameInGrid(name)]));
    const attacksOf = new Map<string, string[]>();
    for (const { student, method, title, train, evaluations, published } of rows) {
      const all = Object.entries(evaluations);
      const [first] = all;
      if (!first) continue;
      const model = cellId(train);
      const surrogate = all.map(([, cell]) => cell.surrogate).find((id) => id !== null) ?? null;
      for (const id of [model, surrogate]) if (id !== null) addNetwork(id);
      const draft = draftOf(grid.name);
      for (const [attack, { attack: spec, data: tested }] of all) {
        setOnce(draft.attacks, attack, { images: tested.images, parameters: spec.parameters }, 'the attack');
      }
      const name = names.get(cellId(first[1]))!;
      const evaluation = {
        network: pathFrom(grid.name, model),
        of: first[1].of,
        surrogate: pathFrom(grid.name, surrogate),
        seed: first[1].seed,
      };
      setOnce(draft.evaluations, name, evaluation, 'the evaluation');
      attacksOf.set(name, Object.keys(evaluations));
      const row = plainName(`${method}-${student}`);
      draft.rows[row] = {
        student,
        method,
        title,
        published: published ?? null,
        evaluations: [...(draft.rows[row]?.evaluations ?? []), name],
      };
    }
    const draft = drafts.get(grid.name);
    if (!draft) continue;
    if (missing > 0) draft.table.missing = missing;
    for (const [name, attacks] of attacksOf) {
      if (attacks.length < Object.keys(draft.attacks).length) draft.evaluations[name]!.attacks = attacks;
    }
  }
  for (const id of trained) addNetwork(id);
  return [...drafts].map(([grid, settings]) => ({
    grid,
    folder,
    settings,
    files: {
      'dvc.yaml': dvcFile(settings),
      'params.yaml': settingsHeader + stringify(settings, { lineWidth: 0, aliasDuplicateObjects: false }),
    },
  }));
};
