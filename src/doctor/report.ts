import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { messageOf } from '../errors.js';
import { nvidiaGpus } from '../setup/device.mjs';
import { places } from '../setup/places.mjs';
import { installedDevice } from '../setup/tensorflow.mjs';
import { collectHost, collectTensorFlow, gpuName, type Host, type TensorFlowEnvironment } from './environment.js';

/** The state of this checkout: what results record, and what only its owner needs to know. */
export interface DoctorReport extends Host {
  /** Null where TensorFlow does not load. */
  readonly tensorflow: TensorFlowEnvironment | null;
  /** Path of the private Python. */
  readonly python: string | null;
  /** The NVIDIA GPUs that the driver names. */
  readonly gpus: readonly string[];
  /** Bytes that are left on the checkout's disk. */
  readonly freeDisk: number;
  /** What works, but not as well as it could. */
  readonly warnings: readonly string[];
  /** What does not work, with its remedy. */
  readonly problems: readonly string[];
}

/** What TensorFlow writes to its log about the GPU while it loads, in a process of its own. */
const tensorflowOnGpu = async (): Promise<string> => {
  const backend = join(places.root, 'src', 'engine', 'backend.ts');
  const { stderr } = await execa(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '--eval', `await import(${JSON.stringify(backend)})`],
    { cwd: places.root, env: { TF_CPP_MIN_LOG_LEVEL: '0' }, reject: false },
  );
  const lines = stderr.split('\n').filter((line) => /gpu|cuda|cudnn|driver/i.test(line));
  return lines.length > 0 ? `TensorFlow says:\n${lines.slice(-3).join('\n')}` : 'TensorFlow does not say why.';
};

/**
 * Why the GPUs that the driver names are not used.
 * @param installed the device that TensorFlow was installed for
 * @param visible the variable CUDA_VISIBLE_DEVICES
 */
export const whyNoGpu = async (
  installed: 'cpu' | 'gpu' | undefined,
  visible: string | undefined,
  ask: () => Promise<string> = tensorflowOnGpu,
): Promise<string> => {
  if (installed !== 'gpu') {
    return 'TensorFlow is installed for the CPU; "node src/setup/main.mjs --device gpu" installs it for the GPU.';
  }
  if (visible === '' || visible === '-1') {
    return `CUDA_VISIBLE_DEVICES is '${visible}', which hides it; unset the variable.`;
  }
  return ask();
};

/** Examines this checkout. Never throws for what is broken: that is what the report is for. */
export const examine = async (): Promise<DoctorReport> => {
  const warnings: string[] = [];
  const problems: string[] = [];
  const setUpAgain = 'run "node src/setup/main.mjs" in the project\'s folder';

  const host = await collectHost();
  const gpus = nvidiaGpus().map(gpuName);
  let tensorflow: TensorFlowEnvironment | null = null;
  try {
    tensorflow = await collectTensorFlow();
  } catch (error) {
    problems.push(messageOf(error));
  }
  if (tensorflow !== null && gpus.length > 0 && tensorflow.device === 'cpu') {
    const reason = await whyNoGpu(installedDevice(places), process.env['CUDA_VISIBLE_DEVICES']);
    warnings.push(`${gpus.join(', ')} is present and not used. ${reason}`);
  }
  if (tensorflow?.device === 'cpu' && !tensorflow.oneDnn) {
    warnings.push(
      'oneDNN is off (TF_ENABLE_ONEDNN_OPTS), which may double the time of a convolution; unset the variable.',
    );
  }
  const python = existsSync(places.pythonExecutable) ? places.pythonExecutable : null;
  if (python === null) problems.push(`The private Python environment is not there; ${setUpAgain}.`);
  else {
    if (host.dvc === null) problems.push(`DVC is not installed; ${setUpAgain}.`);
    if (host.kernel === null) problems.push(`The notebook kernel is not registered; ${setUpAgain}.`);
  }
  const { bavail, bsize } = await statfs(places.root);
  const freeDisk = bavail * bsize;
  if (freeDisk < 2e9) warnings.push('Less than 2 GB are left on the disk; a data set and a training run may not fit.');
  return { ...host, tensorflow, python, gpus, freeDisk, warnings, problems };
};

/** What was found, as pairs of a name and a value, without the warnings and problems. */
export const reportRows = (report: DoctorReport): readonly (readonly [name: string, value: string])[] => {
  const { tensorflow } = report;
  const commit =
    report.commit === null ? 'no git' : `commit ${report.commit.slice(0, 10)}${report.modified ? ', modified' : ''}`;
  return [
    ['ciard', `${report.version} (${commit})`],
    ['Node', report.node],
    ['TensorFlow', tensorflow?.version ?? 'does not load'],
    ['device', tensorflow ? (tensorflow.gpu ?? tensorflow.device.toUpperCase()) : 'none'],
    ['GPUs present', report.gpus.length > 0 ? report.gpus.join(', ') : 'none'],
    ['oneDNN', tensorflow ? (tensorflow.oneDnn ? 'on' : 'off') : 'unknown'],
    ['threads', String(tensorflow?.threads ?? report.threads)],
    ['DVC', report.dvc ?? 'missing'],
    ['Python', report.python ?? 'missing'],
    ['kernel', report.kernel ?? 'missing'],
    ['free disk', `${(report.freeDisk / 1e9).toFixed(1)} GB`],
    ['machine', `${report.platform}, ${report.cpu}, ${report.threads} processors`],
  ];
};
