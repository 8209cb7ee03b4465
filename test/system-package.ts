import { execFileSync } from 'node:child_process';

const pathOf = (names: readonly string[]): string | undefined =>
  names.flatMap((name) => {
    try {
      return [execFileSync('which', [name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()];
    } catch {
      return [];
    }
  })[0];

/**
 * The path of one of `programs`. Where none is there, the system's packages that bring it are installed, in continuous
 * integration and by root alone: a person is asked to do that. Undefined where it can't be had.
 */
export const findProgram = (programs: readonly string[], packages: readonly string[]): string | undefined => {
  const present = pathOf(programs);
  if (present !== undefined || !process.env['CI'] || process.getuid?.() !== 0) return present;
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  try {
    for (const step of [['update'], ['install', '-y', '--no-install-recommends', ...packages]]) {
      execFileSync('apt-get', ['-q', ...step], { env: environment, stdio: 'ignore', timeout: 300_000 });
    }
  } catch {
    // No such package manager, or nothing that it reaches; the test is skipped by name.
  }
  return pathOf(programs);
};
