import { statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/**
 * What cells import, loaded by Node's own loader: a module of the library is the same one for cells, for the library and
 * for this kernel, and there is one TensorFlow.
 */
export interface CellModules {
  /** What `import(specifier)` gives in a cell. */
  readonly load: (specifier: string) => Promise<object>;
  /** To be told of every file that Node loads, by its URL. */
  readonly loaded: (url: string) => void;
  /** Whether anything of the library is loaded: a file of another of its rooms than this. */
  readonly usesLibrary: () => boolean;
  /** The loaded files that were edited since, and that the running cell did not load anew. Each edit is told once. */
  readonly stale: () => string[];
}

export interface CellModulesOptions {
  readonly root: string;
  readonly folder: string;
}

const modifiedAt = (file: string): number | undefined => statSync(file, { throwIfNoEntry: false })?.mtimeMs;

/** What TypeScript's ending stands for in an import, in the order in which the type checker looks for it. */
const sourceEndings: readonly (readonly [RegExp, readonly string[]])[] = [
  [/\.js$/, ['.ts', '.tsx']],
  [/\.mjs$/, ['.mts']],
  [/\.cjs$/, ['.cts']],
  [/$/, ['', '.ts', '.tsx', '.js', '/index.ts', '/index.js']],
];

/** The file that `path` means, as an import has it. */
const sourceFile = (path: string): string | undefined =>
  sourceEndings
    .filter(([ending]) => ending.test(path))
    .flatMap(([ending, others]) => others.map((other) => path.replace(ending, other)))
    .find((file) => statSync(file, { throwIfNoEntry: false })?.isFile() === true);

export const createCellModules = ({ root, folder }: CellModulesOptions): CellModules => {
  /** When each loaded file was last edited, as far as we know it. */
  const edits = new Map<string, number>();
  /** Files that were loaded again after an edit: the query that makes Node see a new module. */
  const versions = new Map<string, number>();
  const told = new Map<string, number>();

  const ours = (file: string): boolean => isAbsolute(file) && !file.includes(`${sep}node_modules${sep}`);

  let library = false;
  /** Files beside the rooms (errors, interruption) and the set-up are the kernel's as well. */
  const isOfLibrary = (file: string): boolean => /^src\/(?!kernel\/|setup\/)[^/]+\//.test(relative(root, file));

  const isEdited = (file: string): boolean => {
    const known = edits.get(file);
    return known !== undefined && modifiedAt(file) !== known;
  };

  let outside: Promise<unknown> | undefined;
  /** TypeScript of a folder without a package.json passes for CommonJS, to Node, and is loaded by way of `require`. */
  const openOutside = (): Promise<unknown> => (outside ??= import('tsx/cjs/api').then(({ register }) => register()));

  /** A file's module; a new one if the file was edited since it was loaded. */
  const loadFile = async (file: string): Promise<object> => {
    if (relative(root, file).startsWith('..')) await openOutside();
    const url = pathToFileURL(file);
    if (isEdited(file)) {
      versions.set(file, modifiedAt(file) ?? 0);
      edits.set(file, modifiedAt(file) ?? 0);
    }
    const version = versions.get(file);
    if (version !== undefined) url.search = `edited=${version}`;
    return (await import(url.href)) as object;
  };

  const fileOf = (specifier: string): string => {
    const places = [resolve(root, specifier), resolve(folder, specifier)];
    const found = places.map(sourceFile).find((file) => file !== undefined);
    return found ?? places[0]!;
  };

  const loadPackage = async (name: string): Promise<object> => {
    try {
      return (await import(name)) as object;
    } catch (error) {
      // Not among the project's packages; perhaps among those beside the notebook.
      if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
      let file: string;
      try {
        file = createRequire(join(folder, 'cell.js')).resolve(name);
      } catch {
        throw error;
      }
      return (await import(pathToFileURL(file).href)) as object;
    }
  };

  return {
    async load(specifier) {
      if (specifier.startsWith('file:')) return loadFile(fileURLToPath(specifier));
      if (/^\.{0,2}\//.test(specifier) || isAbsolute(specifier)) return loadFile(fileOf(specifier));
      return loadPackage(specifier);
    },
    loaded(url) {
      if (!url.startsWith('file:')) return;
      const file = fileURLToPath(url.replace(/[?#].*$/, ''));
      if (ours(file)) edits.set(file, modifiedAt(file) ?? 0);
      library ||= isOfLibrary(file);
    },
    usesLibrary: () => library,
    stale() {
      const files: string[] = [];
      for (const [file, known] of edits) {
        const now = modifiedAt(file) ?? 0;
        if (now === known || told.get(file) === now) continue;
        told.set(file, now);
        files.push(relative(root, file));
      }
      return files;
    },
  };
};
