import { statSync } from 'node:fs';
import { join } from 'node:path';
import type * as TypeScript from '@tslab/typescript-for-tslab';
import type { CompletionInfo, Converter, Diagnostic } from 'tslab/dist/converter.js';
import { UserError } from '../../errors.js';
import { createCommonModules } from './common-modules.js';
import { keptDeclarations, type Meanings } from './declarations.js';
import { asCell } from './pasted.js';
import { awaitedImports, earlierNames, ownImports, sharedVariables } from './transformers.js';

/**
 * tslab's converter, which turns cells into JavaScript and their declarations into context for later cells, on a compiler
 * that knows this project. `createConverter` takes no settings, so they are given to it where it asks for the compiler:
 * tslab's `require` is handed the compiler's module with two functions extended. Nothing installed is changed.
 *
 * - Cells are checked against the sources: packages resolve as they do in Node (`exports`, `ciard` itself), relative paths
 *   from the repository's root and, failing that, from the notebook's folder.
 * - Only cells are checked and emitted. The library's files give types and are loaded by Node (../modules.ts), at full speed
 *   and with one instance of everything; its own type errors are `tsc`'s concern.
 * - Imports become awaited loads of ES modules. Source maps lead from what runs back to the cell.
 */
export interface CellCompiler {
  /** @throws CellDiagnostics where the cell has errors: then nothing of it is to run. */
  readonly compile: (state: CellState, source: string, name: string) => CompiledCell;
  readonly complete: (state: CellState, source: string, position: number) => CompletionInfo;
  readonly inspect: (state: CellState, source: string, position: number) => TypeScript.QuickInfo | undefined;
  readonly isComplete: (source: string) => { readonly completed: boolean; readonly indent?: string };
  /** The notebook's folder. */
  readonly setFolder: (folder: string) => void;
  /** Reads `files` and keeps them, with all that they import, for the cell that imports them. Holds the thread for a while. */
  readonly know: (files: readonly string[]) => void;
  /** The files that `file` imports. */
  readonly importsOf: (file: string) => string[];
  readonly typescript: typeof TypeScript;
  /** The cell that was completed, inspected or compiled last, as the compiler has it; positions are off by `offset`. */
  readonly view: () => {
    readonly program: TypeScript.Program;
    readonly file: TypeScript.SourceFile;
    readonly offset: number;
  };
}

/** What earlier cells declared. It goes in with each request and comes out of each cell: a compiler that is replaced knows it. */
export interface CellState {
  readonly declarations: string;
  /** The modules that cells declared without there being one. */
  readonly modules: Readonly<Record<string, string>>;
}

/** A cell as it can be run. */
export interface CompiledCell {
  /** A function's body; undefined where the cell declares types alone. */
  readonly code: string | undefined;
  readonly isAsync: boolean;
  /** The name of the last expression's value among the exports, if the cell ends with one. */
  readonly lastExpression: string | undefined;
  /** What leads from `code` back to the cell. */
  readonly maps: CellMaps;
  readonly state: CellState;
}

/** Two source maps, one behind the other: from what runs to an ES module, from there to the cell. */
export interface CellMaps {
  readonly toModule: string | undefined;
  readonly toCell: string | undefined;
  /** The number of lines of what runs. */
  readonly end: number;
}

/** Thrown in place of running a cell that does not compile. */
export class CellDiagnostics extends Error {
  override readonly name = 'CellDiagnostics';
  constructor(readonly diagnostics: readonly Diagnostic[]) {
    super(diagnostics[0]?.messageText ?? 'the cell does not compile');
  }
}

export interface CompilerOptions {
  /** The repository's root. */
  readonly root: string;
}

/** What tslab names the cell's file and the declarations of the cells before it. Both lie in the working directory. */
const cellFiles = ['__tslab__.ts', '__prev__.d.ts'];
/** What tslab puts before a cell. */
const headOfCell = 'export {};\n';

const compilerId = '@tslab/typescript-for-tslab';

/** What every cell knows, and the modules that cells declared: a file that is there for the compiler alone. */
const ambientFile = '__ambient__.d.ts';
const globals = `
/** Asks whoever runs the notebook for a line; the cell waits for it. */
declare function prompt(question?: string, initial?: string): string | null;
`;

/**
 * The compiler's watch, asked instead of waiting: before each cell the project's files are compared with what was read.
 * No thread, no limit of the system's watchers, and an edit that was saved a moment ago is never missed.
 */
const createWatch = (
  ts: typeof TypeScript,
): {
  sys: Pick<TypeScript.System, 'watchFile' | 'watchDirectory'>;
  refresh(): boolean;
  /** Tells of a file that is none on the disk. */
  changed(path: string): void;
} => {
  interface Watched {
    readonly callback: TypeScript.FileWatcherCallback;
    modified: number;
  }
  const watched = new Map<string, Watched>();
  const modified = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return {
    sys: {
      watchFile: (path, callback) => {
        if (path.includes('/node_modules/')) return { close: () => undefined };
        watched.set(path, { callback, modified: modified(path) });
        return { close: () => watched.delete(path) };
      },
      watchDirectory: () => ({ close: () => undefined }),
    },
    changed(path) {
      watched.get(path)?.callback(path, ts.FileWatcherEventKind.Changed);
    },
    refresh() {
      let changed = false;
      for (const [path, entry] of [...watched]) {
        const now = modified(path);
        if (now === entry.modified) continue;
        changed = true;
        entry.modified = now;
        entry.callback(path, now === 0 ? ts.FileWatcherEventKind.Deleted : ts.FileWatcherEventKind.Changed);
      }
      return changed;
    },
  };
};

const isPackageDeclaration = (path: string): boolean => path.endsWith('.d.ts') && path.includes('/node_modules/');

/**
 * Doc comments are a third of what the compiler parses at the start. Those of packages are blanked, every other character
 * staying where it was, and looked up in the file itself when one is asked for (inspection.ts).
 */
const withoutDocs = (text: string): string => text.replace(/\/\*\*[^]*?\*\//g, (comment) => ' '.repeat(comment.length));

/**
 * Complaints that are none in a notebook: that a type was left out (`noImplicitAny`, 7000 and up), and that a file lies
 * outside the repository (6059), and that an import names a TypeScript file as it is (5097).
 */
const isAllowed = ({ code }: TypeScript.Diagnostic): boolean =>
  (code >= 7000 && code < 7100) || [5097, 6059].includes(code);

/** The same object with some members replaced; what is not replaced is looked up in the original. */
const extended = <T extends object>(original: T, members: Partial<T>): T =>
  Object.assign(Object.create(original) as T, members);

export const createCellCompiler = ({ root }: CompilerOptions): CellCompiler => {
  const common = createCommonModules();
  const tslab = join(root, 'node_modules', 'tslab', 'dist');
  const ts = common.load(compilerId, tslab) as typeof TypeScript;
  let folder = root;
  const watch = createWatch(ts);
  const ambient = { path: join(root, ambientFile), text: globals };
  const readFile = ts.sys.readFile.bind(ts.sys);
  const fileExists = ts.sys.fileExists.bind(ts.sys);
  Object.assign(ts.sys, watch.sys, {
    fileExists: (path) => path === ambient.path || fileExists(path),
    readFile: (path, encoding) => {
      if (path === ambient.path) return ambient.text;
      const text = readFile(path, encoding);
      return text !== undefined && isPackageDeclaration(path) ? withoutDocs(text) : text;
    },
  } satisfies Partial<TypeScript.System>);

  const inCell = (file: string): boolean => cellFiles.some((name) => file === join(root, name));
  const unresolved = new Set<string>();
  let resolveFromRoot: (specifier: string, containing: string) => TypeScript.ResolvedModuleWithFailedLookupLocations;
  let resolutions: TypeScript.ModuleResolutionCache | undefined;

  const resolve = (specifier: string, containing: string): TypeScript.ResolvedModuleWithFailedLookupLocations => {
    const found = resolveFromRoot(specifier, containing);
    if (found.resolvedModule || !inCell(containing) || folder === root) return found;
    return resolveFromRoot(specifier, join(folder, cellFiles[0]!));
  };

  const createWatchCompilerHost = (
    cells: string[],
    options: TypeScript.CompilerOptions,
    system: TypeScript.System,
    _builder: unknown,
    ...reporters: [TypeScript.DiagnosticReporter, TypeScript.WatchStatusReporter]
  ): TypeScript.WatchCompilerHostOfFilesAndCompilerOptions<TypeScript.BuilderProgram> => {
    Object.assign(options, {
      moduleResolution: ts.ModuleResolutionKind.Bundler,
      // The library itself, not the declarations that other projects get.
      customConditions: ['ciard-source'],
      lib: ['lib.es2023.d.ts'],
      types: ['node'],
      strict: true,
      inlineSourceMap: true,
    } satisfies TypeScript.CompilerOptions);
    // The plain builder. The usual one finds out which files a change affects, which takes longer than to check a cell.
    const createProgram = ts.createAbstractBuilder as TypeScript.CreateProgram<TypeScript.BuilderProgram>;
    const builder: typeof createProgram = (roots, settings, compilerHost, ...rest) => {
      if (compilerHost) lookUpKept(compilerHost);
      return createProgram(roots, settings, compilerHost, ...rest);
    };
    const host = ts.createWatchCompilerHost([...cells, ambient.path], options, system, builder, ...reporters);
    const cache = ts.createModuleResolutionCache(root, (name) => name, options);
    resolutions = cache;
    resolveFromRoot = (specifier, containing) => ts.resolveModuleName(specifier, containing, options, host, cache);
    host.resolveModuleNameLiterals = (literals, containing) =>
      literals.map((literal) => {
        const found = resolve(literal.text, containing);
        if (!found.resolvedModule && !containing.includes('/node_modules/')) unresolved.add(containing);
        return found;
      });
    // A file whose import was not found is looked at again each time: the missing file may be there now.
    host.hasInvalidatedResolutions = (path) => unresolved.has(path);
    let created: typeof host.afterProgramCreate;
    Object.defineProperty(host, 'afterProgramCreate', {
      set: (hook: typeof created) => (created = hook),
      get: () => (builder: TypeScript.BuilderProgram) => created?.(cellsOnly(builder)),
    });
    return host;
  };

  /** Files that were read ahead, and when they were last edited: there for the program that imports them. */
  const kept = new Map<string, { readonly file: TypeScript.SourceFile; readonly modified: number }>();
  const modifiedAt = (file: string): number => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const prepared = new WeakSet<TypeScript.CompilerHost>();
  const lookUpKept = (host: TypeScript.CompilerHost): void => {
    if (prepared.has(host)) return;
    prepared.add(host);
    const getSourceFile = host.getSourceFile.bind(host);
    const getSourceFileByPath = host.getSourceFileByPath?.bind(host);
    host.getSourceFile = (name, ...rest) => kept.get(name)?.file ?? getSourceFile(name, ...rest);
    if (getSourceFileByPath) {
      host.getSourceFileByPath = (name, ...rest) => kept.get(name)?.file ?? getSourceFileByPath(name, ...rest);
    }
  };
  /** What was edited is read anew. */
  const dropEdited = (): boolean => {
    let changed = false;
    for (const [name, { modified }] of kept) {
      if (name.includes('/node_modules/') || modifiedAt(name) === modified) continue;
      kept.delete(name);
      changed = true;
    }
    return changed;
  };

  /** What tslab checks and emits is all that a cell depends on; here that is the cell alone. */
  const cellsOnly = (builder: TypeScript.BuilderProgram): TypeScript.BuilderProgram => {
    const program = builder.getProgram();
    latest = program;
    // Has the names of the cell bound, which tslab and completion take for granted.
    const checker = program.getTypeChecker();
    const checked = extended(program, {
      getSemanticDiagnostics: (...args) => program.getSemanticDiagnostics(...args).filter((d) => !isAllowed(d)),
      // A type that can't be written down in a declaration is no mistake of the cell's: later cells see `any` in its place.
      getDeclarationDiagnostics: () => [],
    });
    const emit = program.emit.bind(program) as (...args: unknown[]) => TypeScript.EmitResult;
    const isEarlier = (symbol: TypeScript.Symbol): boolean =>
      symbol.declarations?.some((node) => node.getSourceFile().fileName === join(root, cellFiles[1]!)) === true;
    const before = [earlierNames(ts, checker, isEarlier), sharedVariables(ts, checker)];
    return extended(builder, {
      getProgram: () => checked,
      getAllDependencies: (file) => [file.fileName],
      // The last argument has declarations written in spite of such types.
      emit: (file, write, token, onlyDeclarations, transformers) => {
        const noted: TypeScript.WriteFileCallback = (name, text, ...rest) => {
          if (name.endsWith('.d.ts')) emitted = text;
          write?.(name, text, ...rest);
        };
        return emit(file, noted, token, onlyDeclarations, { ...transformers, before }, true);
      },
    });
  };

  let latest: TypeScript.Program | undefined;
  /** The declarations of the cell that was emitted last. */
  let emitted = '';
  let watched: TypeScript.WatchOfFilesAndCompilerOptions<TypeScript.BuilderProgram> | undefined;
  const createWatchProgram = (
    host: TypeScript.WatchCompilerHostOfFilesAndCompilerOptions<TypeScript.BuilderProgram>,
  ): TypeScript.WatchOfFilesAndCompilerOptions<TypeScript.BuilderProgram> => (watched = ts.createWatchProgram(host));
  let maps: CellMaps = { toModule: undefined, toCell: undefined, end: 0 };
  /** How many cells had to wait for something: a module, a promise. */
  let waits = 0;

  /** tslab's second step, from an ES module to a function's body. */
  const transpileModule = (javascript: string, { compilerOptions }: TypeScript.TranspileOptions) => {
    const first = /\n\/\/# sourceMappingURL=data:application\/json;base64,([\w+/=]+)\s*$/.exec(javascript);
    const output = ts.transpileModule(first ? javascript.slice(0, first.index) : javascript, {
      fileName: 'cell.js',
      compilerOptions: { ...compilerOptions, esModuleInterop: false, sourceMap: true },
      transformers: {
        before: [
          ownImports(ts, () => {
            waits += 1;
          }),
        ],
        after: [
          awaitedImports(ts, () => {
            waits += 1;
          }),
        ],
      },
    });
    maps = {
      toModule: output.sourceMapText,
      toCell: first?.[1] === undefined ? undefined : Buffer.from(first[1], 'base64').toString(),
      end: output.outputText.split('\n').length,
    };
    const text = output.outputText
      // Of no use in a cell, and a cell may have taken `Object` away.
      .replace('Object.defineProperty(exports, "__esModule", { value: true });', '')
      .replace(/\n\/\/# sourceMappingURL=\S*\s*$/, '\n');
    return { ...output, outputText: text };
  };

  // Spread, because tslab copies the module's own properties.
  common.replace(compilerId, tslab, { ...ts, createWatchCompilerHost, createWatchProgram, transpileModule });
  const { createConverter, isCompleteCode } = common.load(
    './converter.js',
    tslab,
  ) as typeof import('tslab/dist/converter.js');
  let current = createConverter();
  let isWhole = true;
  /**
   * tslab's converter, made anew where it was left in the middle: by a stack that overflowed, because code is nested too
   * deeply, or by an interrupt. What it holds is then neither the old state nor the new one.
   */
  const converting = <T>(work: (converter: Converter) => T): T => {
    if (!isWhole) current = createConverter();
    isWhole = false;
    try {
      const result = work(current);
      isWhole = true;
      return result;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new UserError(
        'the compiler ran out of stack: this code is nested or chained too deeply; divide it, or read data from a file',
      );
    }
  };

  const refresh = (): void => {
    const changed = [watch.refresh(), dropEdited()].includes(true);
    if (!changed && unresolved.size === 0) return;
    unresolved.clear();
    resolutions?.clear();
  };

  const declareAmbient = (modules: Readonly<Record<string, string>>): void => {
    const text = [globals, ...Object.values(modules)].join('\n');
    if (text === ambient.text) return;
    ambient.text = text;
    watch.changed(ambient.path);
  };

  const cellPath = join(root, cellFiles[0]!);
  const resolveInCell = (specifier: string): string | undefined =>
    resolve(specifier, cellPath).resolvedModule?.resolvedFileName;
  /** The cell as tslab takes it, with the modules that it and earlier cells declare made known. */
  const enter = (state: CellState, source: string): { text: string; modules: CellState['modules'] } => {
    refresh();
    declareAmbient(state.modules);
    const cell = asCell(ts, source, (name) => resolveInCell(name) !== undefined);
    const modules = { ...state.modules, ...cell.modules };
    declareAmbient(modules);
    return { text: cell.text, modules };
  };

  const view = (): { program: TypeScript.Program; file: TypeScript.SourceFile; offset: number } => {
    const program = latest!;
    return { program, file: program.getSourceFile(cellPath)!, offset: headOfCell.length };
  };

  /** What the cell that was compiled last declares anew, by name. */
  const meanings = (): ((name: string) => Meanings) => {
    const { program, file } = view();
    const checker = program.getTypeChecker();
    const { locals } = file as unknown as { locals?: Map<string, TypeScript.Symbol> };
    return (name) => {
      const found = locals?.get(name);
      if (!found) return { value: false, type: false };
      const { flags } = (found.flags & ts.SymbolFlags.Alias) === 0 ? found : checker.getAliasedSymbol(found);
      return { value: (flags & ts.SymbolFlags.Value) !== 0, type: (flags & ts.SymbolFlags.Type) !== 0 };
    };
  };
  /** What a name that an earlier cell imported stands for. */
  const imported = (): ((name: string) => Meanings) => {
    const { program } = view();
    const checker = program.getTypeChecker();
    const file = program.getSourceFile(join(root, cellFiles[1]!));
    const { locals } = (file ?? {}) as { locals?: Map<string, TypeScript.Symbol> };
    return (name) => {
      const found = locals?.get(name);
      if (!found || (found.flags & ts.SymbolFlags.Alias) === 0) return { value: true, type: false };
      const { flags } = checker.getAliasedSymbol(found);
      return { value: (flags & ts.SymbolFlags.Value) !== 0, type: (flags & ts.SymbolFlags.Type) !== 0 };
    };
  };

  return {
    typescript: ts,
    view,
    setFolder(path) {
      folder = path;
      resolutions?.clear();
    },
    know(files) {
      const roots = [...cellFiles.map((name) => join(root, name)), ambient.path];
      const inspectNothing = (): void => {
        converting((converter) => converter.inspect('', '', 0));
      };
      inspectNothing();
      const before = new Set(latest?.getSourceFiles());
      watched?.updateRootFileNames([...roots, ...files]);
      inspectNothing();
      for (const file of latest?.getSourceFiles() ?? []) {
        if (before.has(file) || roots.includes(file.fileName)) continue;
        // It is not the watch's any more, which compares versions.
        delete (file as { version?: string }).version;
        kept.set(file.fileName, { file, modified: modifiedAt(file.fileName) });
      }
      watched?.updateRootFileNames(roots);
      inspectNothing();
    },
    importsOf: (file) =>
      ts.preProcessFile(ts.sys.readFile(file) ?? '').importedFiles.flatMap(({ fileName }) => {
        const found = resolve(fileName, file).resolvedModule;
        return found ? [found.resolvedFileName] : [];
      }),
    compile(state, source, name) {
      const before = waits;
      emitted = '';
      const { text, modules } = converting(() => enter(state, source));
      const { diagnostics, output, hasToplevelAwait, lastExpressionVar } = converting((converter) =>
        converter.convert(state.declarations, text),
      );
      if (diagnostics.length > 0) throw new CellDiagnostics(diagnostics);
      const kept = keptDeclarations(ts, state.declarations, { redeclared: meanings(), imported: imported() });
      return {
        code: output ? `\n${output}\n//# sourceURL=${name}` : undefined,
        isAsync: waits > before || hasToplevelAwait === true,
        lastExpression: lastExpressionVar,
        maps,
        state: { declarations: withoutExportLists(ts, emitted) + kept, modules },
      };
    },
    inspect(state, source, at) {
      const { text } = converting(() => enter(state, source));
      return converting((converter) => converter.inspect(state.declarations, text, at));
    },
    complete(state, source, at) {
      const { text } = converting(() => enter(state, source));
      return converting((converter) => converter.complete(state.declarations, text, at));
    },
    isComplete: isCompleteCode,
  };
};

/** What a cell declares is seen without being exported. */
const withoutExportLists = (ts: typeof TypeScript, declarations: string): string => {
  const file = ts.createSourceFile('cell.d.ts', declarations, ts.ScriptTarget.Latest, true);
  return file.statements
    .filter((statement) => !ts.isExportDeclaration(statement))
    .map((statement) => `${statement.getFullText().trim()}\n`)
    .join('');
};
