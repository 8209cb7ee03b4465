import { readdir, readFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { nvidiaGpus } from '../setup/device.mjs';
import { kernelName, places } from '../setup/places.mjs';
import { readIfThere } from '../setup/step.mjs';
import type { Environment, TensorFlowEnvironment } from './environment-schema.js';

export type { Environment, TensorFlowEnvironment };

/** What can be said without loading TensorFlow. */
export type Host = Omit<Environment, 'tensorflow'>;

/** The processors named by a list such as '0-3,8', as the Linux kernel writes it. */
export const countProcessors = (list: string): number =>
  list
    .trim()
    .split(',')
    .map((range) => range.split('-').map(Number))
    .reduce((count, [first = 0, last = first]) => count + last - first + 1, 0);

/** TensorFlow counts the processors that the process may run on, and pays no heed to a container's share of them. */
const threadCount = async (): Promise<number> => {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '');
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1];
  return list === undefined ? cpus().length : countProcessors(list);
};

/** The commit of the checkout, and whether anything but results and notebooks differs from it. */
const revision = async (): Promise<Pick<Environment, 'commit' | 'modified'>> => {
  const git = async (...args: string[]): Promise<string | null> => {
    const { stdout, failed } = await execa('git', args, { cwd: places.root, reject: false });
    return failed ? null : stdout;
  };
  // Of an archive that was unpacked inside another repository, that one says nothing.
  if ((await git('rev-parse', '--show-prefix')) !== '') return { commit: null, modified: null };
  const commit = await git('rev-parse', 'HEAD');
  const changes = await git('status', '--porcelain', '--', '.', ':(exclude)results', ':(exclude)notebooks');
  return { commit, modified: changes === null ? null : changes !== '' };
};

/** DVC's version, from the folder in which its wheel describes itself (asking DVC takes a second). */
const dvcVersion = async (): Promise<string | null> => {
  const library = join(places.python, 'lib');
  for (const python of await readdir(library).catch(() => [])) {
    for (const name of await readdir(join(library, python, 'site-packages')).catch(() => [])) {
      const version = /^dvc-(.+)\.dist-info$/.exec(name)?.[1];
      if (version !== undefined) return version;
    }
  }
  return null;
};

const packageVersion = async (): Promise<string> => {
  const text = await readFile(join(places.root, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
};

/** The machine and the installation, without TensorFlow. */
export const collectHost = async (): Promise<Host> => ({
  version: await packageVersion(),
  ...(await revision()),
  node: process.versions.node,
  platform: `${process.platform}-${process.arch}`,
  cpu: cpus()[0]?.model.trim() ?? 'unknown',
  threads: await threadCount(),
  dvc: await dvcVersion(),
  kernel: readIfThere(join(places.kernelspec, 'kernel.json')) === undefined ? null : kernelName,
});

/** 'GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-…)' without its number and its identity. */
export const gpuName = (line: string): string => line.replace(/^GPU \d+: /, '').replace(/ \(UUID: .*\)$/, '');

/**
 * TensorFlow as this process has it; loads it where it is not loaded yet.
 * @throws UserError where it does not load
 */
export const collectTensorFlow = async (): Promise<TensorFlowEnvironment> => {
  const { tensorflow } = await import('../engine/backend.js');
  const { binding } = tensorflow();
  const onGpu = binding.isUsingGpuDevice();
  const limit = Number(process.env['TF_NUM_INTRAOP_THREADS'] ?? 0);
  return {
    version: binding.TF_Version,
    device: onGpu ? 'gpu' : 'cpu',
    gpu: onGpu ? gpuName(nvidiaGpus()[0] ?? 'unknown') : null,
    oneDnn: process.env['TF_ENABLE_ONEDNN_OPTS'] === '1',
    threads: limit > 0 ? limit : await threadCount(),
  };
};

/**
 * What this process computes with and on, for the record of a result.
 * @throws UserError where TensorFlow does not load
 */
export const collectEnvironment = async (): Promise<Environment> => {
  const [host, tensorflow] = await Promise.all([collectHost(), collectTensorFlow()]);
  return { ...host, tensorflow };
};
