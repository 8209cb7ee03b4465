import { findProgram } from '../system-package.js';

/** The path of the system's Chromium. Undefined where it can't be had. */
export const findChromium = (): string | undefined =>
  findProgram(['chromium', 'chromium-browser', 'google-chrome'], ['chromium']);
