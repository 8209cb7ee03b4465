import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileFunction } from 'node:vm';
import { build, type BuildOptions, type Plugin } from 'esbuild';
import type { Prerender } from './data.js';

const page = fileURLToPath(new URL('./page', import.meta.url));

/** What runs in the page only where Node would: drawing without a browser, TensorFlow's own kernels. */
const absent: Plugin = {
  name: 'absent',
  setup(bundle) {
    bundle.onResolve({ filter: /^vega$/ }, ({ path }) => ({ path, namespace: 'absent' }));
    bundle.onLoad({ filter: /.*/, namespace: 'absent' }, ({ path }) => ({
      contents: `throw new Error(${JSON.stringify(`${path} is not in the page`)});`,
    }));
  },
};

/** Networks are attacked in a browser alone: without them the page's other code runs in Node too. */
const withoutAttacks: Plugin = {
  name: 'without-attacks',
  setup(bundle) {
    bundle.onResolve({ filter: /\/attack\.js$/ }, ({ path }) => ({ path, namespace: 'without-attacks' }));
    bundle.onLoad({ filter: /.*/, namespace: 'without-attacks' }, () => ({
      contents: 'export const Attack = () => null;',
    }));
  },
};

const bundled = async (entry: string, options: BuildOptions): Promise<string> => {
  const { outputFiles } = await build({
    entryPoints: [join(page, entry)],
    bundle: true,
    write: false,
    target: 'es2022',
    charset: 'utf8',
    legalComments: 'none',
    tsconfig: join(page, 'tsconfig.json'),
    define: { 'process.env.NODE_ENV': '"production"' },
    // Seeds mean the same numbers in the page as in Node.
    alias: { 'node:crypto': join(page, 'sha256.ts') },
    logLevel: 'silent',
    ...options,
  });
  return outputFiles![0]!.text;
};

/** The page's own code as one classic script: module scripts do not load from the file system. */
export const bundlePage = (): Promise<string> =>
  bundled('main.tsx', { format: 'iife', minify: true, platform: 'browser', plugins: [absent] });

/** The same code in Node, to write what it will show first: `prerender` of `page/prerender.tsx`. */
export const loadPrerender = async (): Promise<Prerender> => {
  const code = await bundled('prerender.tsx', { format: 'cjs', platform: 'node', plugins: [absent, withoutAttacks] });
  const module = { exports: {} as { readonly prerender: Prerender } };
  const run = compileFunction(code, ['module', 'require'], { filename: 'prerender.cjs' }) as (
    made: typeof module,
    require: NodeJS.Require,
  ) => void;
  run(module, createRequire(import.meta.url));
  return module.exports.prerender;
};

/** Plotly with what is drawn on two axes: a classic script that defines `Plotly`. */
export const plotlyScript = (): Promise<string> => {
  const folder = dirname(createRequire(import.meta.url).resolve('plotly.js-cartesian-dist-min/package.json'));
  return readFile(join(folder, 'plotly-cartesian.min.js'), 'utf8');
};

export const pageStyle = (): Promise<string> => readFile(join(page, 'style.css'), 'utf8');
