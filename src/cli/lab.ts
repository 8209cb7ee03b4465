import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { UserError } from '../errors.js';

const parsePort = (text: string): number => {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    throw new InvalidArgumentError('A port is a whole number from 1 to 65535.');
  }
  return port;
};

/** JupyterLab's settings where the user has chosen no others. */
const settings = {
  // A new notebook has our kernel, without a question.
  '@jupyterlab/notebook-extension:tracker': { autoStartDefaultKernel: true },
};

export const add = (program: Command): void => {
  program
    .command('lab')
    .description('open JupyterLab on the notebooks, with our kernel; Ctrl-C stops it')
    .option('--port <number>', 'port to listen on (the next free one where it is taken)', parsePort, 8888)
    .option('--no-browser', 'print the address and open no browser')
    .action(async ({ port, browser }: { port: number; browser: boolean }) => {
      const { places, kernelName } = await import('../setup/places.mjs');
      const { jupyterEnvironment } = await import('../setup/jupyter.mjs');
      const { writeAtomically } = await import('../atomic-write.js');
      const { execa } = await import('execa');
      if (!existsSync(places.pythonExecutable)) {
        throw new UserError(
          'JupyterLab is not installed; run "npm run lab", or "node src/setup/main.mjs" first, in the project\'s folder.',
        );
      }
      const folder = join(places.jupyter, 'config', 'labconfig');
      await mkdir(folder, { recursive: true });
      await writeAtomically(join(folder, 'default_setting_overrides.json'), [JSON.stringify(settings, null, 2)]);
      // In a process group of its own: Ctrl-C reaches it through us, as the signal at which it stops its kernels and ends
      // without a question.
      const lab = execa(
        places.pythonExecutable,
        [
          ...['-m', 'jupyterlab', `--port=${port}`, ...(browser ? [] : ['--no-browser'])],
          `--ServerApp.root_dir=${places.root}`,
          ...(existsSync(`${places.root}/notebooks`) ? ['--LabApp.default_url=/lab/tree/notebooks'] : []),
          `--MultiKernelManager.default_kernel_name=${kernelName}`,
          // It would look for language servers, of which none is installed, and say so at length.
          '--LanguageServerManager.autodetect=False',
          // It would ask a host of its own for news and newer versions.
          ...['--LabApp.news_url=None', '--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate'],
          // Containers run as root; Jupyter refuses to unless told so.
          ...(process.getuid?.() === 0 ? ['--allow-root'] : []),
        ],
        {
          cwd: places.root,
          env: jupyterEnvironment(places),
          extendEnv: false,
          detached: true,
          stdio: ['ignore', 'inherit', 'inherit'],
          reject: false,
        },
      );
      const stop = () => {
        lab.kill('SIGTERM');
      };
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
      const { exitCode } = await lab;
      process.exitCode = exitCode ?? 1;
    });
};
