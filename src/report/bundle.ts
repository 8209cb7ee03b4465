import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';

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

/** The page's own code as one classic script: module scripts do not load from the file system. */
export const bundlePage = async (): Promise<string> => {
  const { outputFiles } = await build({
    entryPoints: [join(page, 'main.tsx')],
    bundle: true,
    format: 'iife',
    minify: true,
    write: false,
    platform: 'browser',
    target: 'es2022',
    charset: 'utf8',
    legalComments: 'none',
    tsconfig: join(page, 'tsconfig.json'),
    define: { 'process.env.NODE_ENV': '"production"' },
    // Seeds mean the same numbers in the page as in Node.
    alias: { 'node:crypto': join(page, 'sha256.ts') },
    plugins: [absent],
    logLevel: 'silent',
  });
  return outputFiles[0]!.text;
};

/** Plotly with what is drawn on two axes: a classic script that defines `Plotly`. */
export const plotlyScript = (): Promise<string> => {
  const folder = dirname(createRequire(import.meta.url).resolve('plotly.js-cartesian-dist-min/package.json'));
  return readFile(join(folder, 'plotly-cartesian.min.js'), 'utf8');
};

export const pageStyle = (): Promise<string> => readFile(join(page, 'style.css'), 'utf8');
