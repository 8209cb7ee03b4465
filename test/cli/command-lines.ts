import { join } from 'node:path';
import { execa } from 'execa';

export interface CommandOutcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What each of several command lines of ciard does in `cwd`, one after another in one process. For those that fail fast. */
export const runCommandLines = async (
  commands: readonly (readonly string[])[],
  cwd: string,
  env: NodeJS.ProcessEnv = {},
): Promise<CommandOutcome[]> => {
  const script = join(import.meta.dirname, 'in-one-process.mjs');
  const { stdout } = await execa(process.execPath, [script, JSON.stringify(commands)], { cwd, env });
  return JSON.parse(stdout) as CommandOutcome[];
};
