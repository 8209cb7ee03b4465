import { execFileSync } from 'node:child_process';

const chromiumPath = (): string | undefined =>
  ['chromium', 'chromium-browser', 'google-chrome'].flatMap((name) => {
    try {
      return [execFileSync('which', [name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()];
    } catch {
      return [];
    }
  })[0];

/**
 * The path of the system's Chromium, which is installed from the system's packages where it is absent, in continuous
 * integration and by root alone: a person is asked to do that. Undefined where it can't be had.
 */
export const findChromium = (): string | undefined => {
  const present = chromiumPath();
  if (present !== undefined || !process.env['CI'] || process.getuid?.() !== 0) return present;
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  try {
    for (const step of [['update'], ['install', '-y', '--no-install-recommends', 'chromium']]) {
      execFileSync('apt-get', ['-q', ...step], { env: environment, stdio: 'ignore', timeout: 300_000 });
    }
  } catch {
    // No such package manager, or nothing that it reaches; the test is skipped by name.
  }
  return chromiumPath();
};
