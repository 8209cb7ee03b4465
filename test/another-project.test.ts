import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { execa } from 'execa';
import { places, repositoryRoot } from '../src/setup/places.mjs';
import { temporaryFolder } from './temporary.js';

/** A program as a reader of the README writes it: an attack of one's own on a network, a figure, and a typed mistake. */
const program = `
import { createNetwork, createRng, crossEntropyLoss, evaluate, cleanRobustFigure, loadDataset, pgd, renderSvg, tf } from 'ciard';
import type { Evaluation, Method } from 'ciard';

const network = createNetwork('cifar-resnet-8', { width: 0.25 });
const weights = network.initialise(createRng(0));
const { test } = await loadDataset('synthetic');
const attack = pgd({ name: 'mine', loss: crossEntropyLoss, epsilon: 8 / 255, stepSize: 2 / 255, steps: 2 });
const evaluation: Evaluation = await evaluate({ network, weights, set: test, indices: [0, 1, 2, 3], attacks: [attack] });
const { correct, total } = evaluation.attacks['mine']!;
const name: Method['name'] = 'mine';
const figure = cleanRobustFigure([{ label: name, clean: { value: 0.5 }, robust: { value: 0.25 } }], { attack: 'PGD-2' });
console.log(JSON.stringify({ correct, total, svg: (await renderSvg(figure)).slice(0, 4), rank: tf.scalar(1).rank }));
// @ts-expect-error: an architecture has a name
export const mistake = () => createNetwork(3);
`;

describe('the library in another project', () => {
  const folder = join(temporaryFolder(), 'project');
  const tool = (name: string, ...parts: string[]) => join(places.nodeModules, name, ...parts);

  before(async () => {
    mkdirSync(join(folder, 'node_modules', '@types'), { recursive: true });
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'project', private: true, type: 'module' }));
    // As the README says. No registry is asked: the library is linked, with what it has installed.
    // `npm test` hands on this project's own .npmrc, which runs no scripts; the other project has none.
    const env = { npm_config_ignore_scripts: undefined };
    await execa('npm', ['install', '--offline', '--no-audit', '--no-fund', repositoryRoot], { cwd: folder, env });
    // What such a project brings itself.
    for (const name of ['tsx', 'typescript', '@types/node'])
      symlinkSync(tool(name), join(folder, 'node_modules', name));
    writeFileSync(join(folder, 'main.ts'), program);
  });

  test('npm links it, with its declarations made', () => {
    assert.equal(realpathSync(join(folder, 'node_modules', 'ciard')), realpathSync(repositoryRoot));
    assert.ok(existsSync(join(repositoryRoot, 'dist', 'types', 'index.d.ts')));
  });

  for (const [moduleResolution, module] of [
    ['nodenext', 'nodenext'],
    ['bundler', 'esnext'],
  ] as const) {
    test(`a strict program is type-checked, with the resolution of "${moduleResolution}"`, async () => {
      const compilerOptions = {
        ...{ module, moduleResolution, target: 'es2022', lib: ['es2023'], types: ['node'] },
        ...{ strict: true, noEmit: true, skipLibCheck: true },
      };
      writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['main.ts'] }));
      const tsc = [tool('typescript', 'bin', 'tsc'), '--listFiles'];
      const { stdout, exitCode } = await execa(process.execPath, tsc, { cwd: folder, reject: false });
      assert.equal(exitCode, 0, stdout);
      assert.match(stdout, /dist\/types\/index\.d\.ts$/m);
      assert.doesNotMatch(stdout, /\/src\/index\.ts$/m, 'declarations, not sources, which have their own strictness');
    });
  }

  test('deeper imports are refused', async () => {
    const { exitCode, stderr } = await execa(process.execPath, ['-e', "import('ciard/src/index.ts')"], {
      cwd: folder,
      reject: false,
    });
    assert.equal(exitCode, 1);
    assert.match(stderr, /ERR_PACKAGE_PATH_NOT_EXPORTED/);
  });

  test("README's program runs", async () => {
    const readme = readFileSync(join(repositoryRoot, 'README.md'), 'utf8');
    const [, code] = /```ts\n([^]*?)```/.exec(readme)!;
    writeFileSync(join(folder, 'readme.ts'), code!);
    const { stdout } = await execa(process.execPath, ['--import', 'tsx', 'readme.ts'], { cwd: folder });
    assert.match(stdout, /'?pgd-sat'?: \{/);
  });

  test('it runs', async () => {
    const { stdout } = await execa(process.execPath, ['--import', 'tsx', 'main.ts'], { cwd: folder });
    assert.match(stdout, /^\{"correct":\d,"total":4,"svg":"<svg","rank":0\}$/m);
  });
});
