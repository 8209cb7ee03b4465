import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { hashOf, readIfThere } from './step.mjs';
import { runUv } from './uv.mjs';

/** The Python for which the wheel is fetched. None of its Python is used, so any that it is published for will do. */
const pythonVersion = '3.12';

/** @param {import('./places.mjs').Places} places */
const stampOf = (places) => join(places.tensorflow, '.stamp');

/** @param {import('./places.mjs').Places} places @param {import('./device.mjs').Device} device */
export const tensorflowKey = (places, device) =>
  `${device} ${hashOf(readFileSync(join(places.root, `requirements-tensorflow-${device}.lock`)), pythonVersion)}`;

/**
 * For which device TensorFlow is installed; undefined where it is not.
 * @param {import('./places.mjs').Places} places
 * @returns {import('./device.mjs').Device | undefined}
 */
export const installedDevice = (places) => {
  const device = readIfThere(stampOf(places))?.split(' ')[0];
  return device === 'cpu' || device === 'gpu' ? device : undefined;
};

/**
 * TensorFlow's wheel, unpacked: its headers and its two libraries are all that is used. The GPU's comes with the CUDA
 * libraries that its extra `and-cuda` names.
 * @param {import('./places.mjs').Places} places
 * @param {import('./device.mjs').Device} device
 * @returns {import('./step.mjs').Step}
 */
export const tensorflow = (places, device) => ({
  name: `TensorFlow (${device})`,
  after: ['Python installer'],
  stamp: stampOf(places),
  key: () => tensorflowKey(places, device),
  intact: () => existsSync(join(places.tensorflowLibraries, 'libtensorflow_cc.so.2')),
  async make() {
    const draft = `${places.tensorflow}.${process.pid}.new`;
    const old = `${places.tensorflow}.${process.pid}.old`;
    // What earlier attempts left behind.
    mkdirSync(places.home, { recursive: true });
    for (const name of readdirSync(places.home)) {
      if (/^tensorflow\.\d+\.(new|old)$/.test(name)) rmSync(join(places.home, name), { recursive: true, force: true });
    }
    const lock = join(places.root, `requirements-tensorflow-${device}.lock`);
    await runUv(
      places,
      [
        ...['pip', 'install', '--python', join(places.uv, 'bin', 'python')],
        ...['--target', draft, '--python-version', pythonVersion],
        ...['--no-deps', '--only-binary', ':all:', '--require-hashes', '-r', lock],
      ],
      'fetching TensorFlow',
    );
    // Whoever computes at this moment keeps the files that they have open.
    if (existsSync(places.tensorflow)) renameSync(places.tensorflow, old);
    renameSync(draft, places.tensorflow);
    rmSync(old, { recursive: true, force: true });
  },
});
