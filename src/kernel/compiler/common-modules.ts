import { readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A loader of CommonJS modules. */
export interface CommonModules {
  /** The exports of the module that `id` means in a module of `folder`. */
  readonly load: (id: string, folder: string) => unknown;
  /** Has whoever loads the module from now on get these exports. */
  readonly replace: (id: string, folder: string, exports: object) => void;
}

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() === true;

/**
 * `require`, as much of it as tslab and its compiler ask for. Node's own loader leaves something behind with which a
 * picture of the process's memory can't be started (main.ts).
 */
export const createCommonModules = (): CommonModules => {
  const loaded = new Map<string, { exports: unknown }>();
  const inFolder = (id: string, folder: string): string | undefined => {
    const path = join(folder, id);
    const found = [path, `${path}.js`, join(path, 'index.js')].find(isFile);
    if (found !== undefined || !isFile(join(path, 'package.json'))) return found;
    const { main = 'index' } = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8')) as { main?: string };
    return inFolder(main, path);
  };
  const find = (id: string, folder: string): string => {
    if (id.startsWith('.')) {
      const found = inFolder(id, folder);
      if (found !== undefined) return found;
    }
    for (let at = folder; !id.startsWith('.'); at = dirname(at)) {
      const found = inFolder(id, join(at, 'node_modules'));
      if (found !== undefined) return found;
      if (at === dirname(at)) break;
    }
    throw new Error(`${folder}: no module ${id}`);
  };
  const loadFile = (file: string): unknown => {
    const known = loaded.get(file);
    if (known) return known.exports;
    const module = { exports: {} as unknown };
    loaded.set(file, module);
    const folder = dirname(file);
    const text = readFileSync(file, 'utf8');
    if (file.endsWith('.json')) return (module.exports = JSON.parse(text));
    // eslint-disable-next-line @typescript-eslint/no-implied-eval -- a module is a function's body
    const run = new Function(
      ...['exports', 'require', 'module', '__filename', '__dirname'],
      `${text}\n//# sourceURL=${file}`,
    ) as (...given: unknown[]) => void;
    run.call(module.exports, module.exports, (id: string) => load(id, folder), module, file, folder);
    return module.exports;
  };
  const load: CommonModules['load'] = (id, folder) => process.getBuiltinModule(id) ?? loadFile(find(id, folder));
  return {
    load,
    replace(id, folder, exports) {
      loaded.set(find(id, folder), { exports });
    },
  };
};
