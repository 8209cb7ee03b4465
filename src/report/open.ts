import { execa } from 'execa';
import { UserError } from '../errors.js';

/** Opens a file in the system's browser. @throws UserError where there is nothing to open it with */
export const openInBrowser = async (file: string): Promise<void> => {
  const { failed } = await execa(process.platform === 'darwin' ? 'open' : 'xdg-open', [file], {
    stdio: 'ignore',
    reject: false,
    timeout: 15_000,
  });
  if (failed) throw new UserError(`no browser is found here: open ${file} by hand.`);
};
