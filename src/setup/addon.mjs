import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { runCommand } from './command.mjs';
import { packagesOf } from './node-packages.mjs';
import { hashOf } from './step.mjs';
import { tensorflowKey } from './tensorflow.mjs';

const logLevelSource = join(dirname(fileURLToPath(import.meta.url)), 'log-level.cc');

/**
 * The CUDA libraries that TensorFlow opens by name while it runs.
 * @param {import('./places.mjs').Places} places
 * @returns {string[]} paths; none for the CPU's wheel
 */
const cudaLibraries = (places) => {
  const nvidia = join(places.tensorflow, 'nvidia');
  if (!existsSync(nvidia)) return [];
  const names = [
    'cublas',
    'cublasLt',
    'cudart',
    'cudnn',
    'cufft',
    'cupti',
    'curand',
    'cusolver',
    'cusparse',
    'nccl',
    'nvJitLink',
  ];
  const wanted = new RegExp(`^lib(${names.join('|')})\\.so\\.\\d+$`);
  return readdirSync(nvidia)
    .map((library) => join(nvidia, library, 'lib'))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) =>
      readdirSync(folder)
        .filter((name) => wanted.test(name))
        .map((name) => join(folder, name)),
    );
};

/**
 * The addon of tfjs-node, compiled straight against the wheel: one call of the compiler, against headers from npm, instead
 * of a build system that downloads Node's headers and an old TensorFlow. It finds its libraries relative to itself, so
 * that a checkout can be moved; one file serves every Node.
 * @param {import('./places.mjs').Places} places
 * @param {import('./device.mjs').Device} device
 * @param {() => import('./prerequisites.mjs').Tools} tools
 * @returns {import('./step.mjs').Step}
 */
export const addon = (places, device, tools) => {
  const folder = dirname(places.addon);
  /** @param {string} output */
  const compilerArguments = (output) => {
    const cuda = cudaLibraries(places);
    const libraryFolders = [places.tensorflowLibraries, ...new Set(cuda.map((library) => dirname(library)))];
    return [
      ...['-std=c++17', '-O2', '-shared', '-fPIC', '-w', '-DNAPI_VERSION=8', '-DNODE_GYP_MODULE_NAME=tfjs_binding'],
      ...[
        '-I',
        join(places.nodeModules, 'node-api-headers', 'include'),
        '-I',
        join(places.tensorflowLibraries, 'include'),
      ],
      ...['tfjs_backend.cc', 'tfjs_binding.cc'].map((source) => join(places.tfjs, 'binding', source)),
      logLevelSource,
      '-Wl,-z,initfirst',
      ...['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'].map((name) =>
        join(places.tensorflowLibraries, name),
      ),
      // Loaded with the addon, so that TensorFlow finds them already there when it asks for them by name.
      ...(cuda.length > 0 ? ['-Wl,--no-as-needed', ...cuda, '-Wl,--as-needed'] : []),
      ...libraryFolders.map((path) => `-Wl,-rpath,$ORIGIN/${relative(folder, path)}`),
      ...['-o', output],
    ];
  };
  /** The packages that are compiled, as the lock file pins them. */
  const sources = () => {
    const packages = packagesOf(readFileSync(join(places.root, 'package-lock.json'), 'utf8'));
    return ['@tensorflow/tfjs-node-gpu', 'node-api-headers']
      .map((name) => packages[`node_modules/${name}`]?.integrity ?? '')
      .join(' ');
  };
  return {
    name: 'TensorFlow addon',
    after: ['Node packages', `TensorFlow (${device})`],
    stamp: `${places.addon}.stamp`,
    key: () =>
      hashOf(
        tensorflowKey(places, device),
        sources(),
        readFileSync(logLevelSource),
        // Wherever the checkout lies.
        compilerArguments('').join('\n').replaceAll(places.root, ''),
      ),
    intact: () => existsSync(places.addon),
    async make() {
      mkdirSync(folder, { recursive: true });
      for (const name of readdirSync(folder)) if (name.endsWith('.new')) rmSync(join(folder, name));
      const draft = `${places.addon}.${process.pid}.new`;
      const [compiler = 'g++', ...before] = tools().compiler;
      await runCommand(compiler, [...before, ...compilerArguments(draft)], {
        purpose: 'compiling the TensorFlow addon',
        remedy: 'It needs a C++17 compiler with its standard library (Debian, Ubuntu: apt install g++).',
      });
      renameSync(draft, places.addon);
    },
  };
};
