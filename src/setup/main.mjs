// Set-up: everything between a fresh clone and a program that runs. It uses nothing but what Node brings along, and looks
// at Node's version before it loads anything that an old Node could not read.
import process from 'node:process';

const oldestNode = { major: 20, minor: 19 };

const help = `Usage: node src/setup/main.mjs [--device cpu|gpu|auto] [--force]

Installs what ciard needs into this checkout (node_modules and .ciard): the Node packages, a private Python environment
with DVC and JupyterLab, TensorFlow, its addon, the notebook kernel. What is there already is left as it is.

  --device cpu|gpu|auto  TensorFlow for the CPU or for an NVIDIA GPU; auto: the GPU where its driver answers.
                         What was asked for last is kept (at first: auto).
  --force                make everything anew
  --help                 this text
`;

const main = async () => {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < oldestNode.major || (major === oldestNode.major && minor < oldestNode.minor)) {
    throw Object.assign(
      new Error(
        `This is Node.js ${process.versions.node}; ciard needs ${oldestNode.major}.${oldestNode.minor} or newer (https://nodejs.org).`,
      ),
      { exitCode: 2 },
    );
  }
  const { allowClosedPipes } = await import('./closed-pipes.mjs');
  allowClosedPipes();
  const { SetupError } = await import('./failure.mjs');
  const { places } = await import('./places.mjs');
  const { setUp } = await import('./set-up.mjs');
  /** @type {{ device?: import('./device.mjs').DeviceRequest, force?: boolean }} */
  const options = {};
  const args = process.argv.slice(2).flatMap((arg) => arg.split(/(?<=^--device)=/));
  while (args.length > 0) {
    const arg = args.shift();
    if (arg === '--help' || arg === '-h') {
      process.stdout.write(help);
      return;
    }
    if (arg === '--force') {
      options.force = true;
    } else if (arg === '--device') {
      const value = args.shift();
      if (value !== 'cpu' && value !== 'gpu' && value !== 'auto') {
        throw new SetupError(`--device was given '${value ?? ''}'; it takes cpu, gpu or auto.`);
      }
      options.device = value;
    } else {
      throw new SetupError(`There is no option '${String(arg)}'.\n\n${help}`);
    }
  }
  await setUp({ places, ...options });
};

main().catch((/** @type {unknown} */ error) => {
  const exitCode = /** @type {{ exitCode?: number }} */ (error).exitCode;
  // An error of ours that names what to do stands alone; anything else is a defect and keeps its trace.
  const text = error instanceof Error ? (exitCode === undefined ? error.stack : error.message) : String(error);
  process.stderr.write(`set-up: ${text ?? ''}\n`);
  process.exitCode = exitCode ?? 1;
});
