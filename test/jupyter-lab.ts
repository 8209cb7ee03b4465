import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import { kernelName, places } from '../src/setup/places.mjs';
import { findChromium } from './kernel/browser.js';
import { needsJupyter, patience } from './kernel/kernel-client.js';

const chromium = findChromium();

/** The `skip` option of a test that needs JupyterLab in a browser: false where both are there, else the reason. */
export const needsBrowser: false | string =
  needsJupyter ||
  (chromium === undefined
    ? 'needs the Chromium browser (apt-get install chromium)'
    : existsSync(join(places.nodeModules, 'playwright-core'))
      ? false
      : 'needs the Node package playwright-core');

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
};

/** A notebook of these cells, opened in JupyterLab: the page, and what ends all of it. */
export interface OpenNotebook {
  readonly page: Page;
  /** JupyterLab's own address, with its token. */
  readonly address: string;
  /** The folder of the notebook, `seen.ipynb`. */
  readonly folder: string;
  readonly close: () => Promise<void>;
}

/**
 * Runs all cells, again until the first has an output: what is asked for while JupyterLab still connects to the kernel (and
 * its server may refuse the first time) gets lost.
 */
export const runAll = async (page: Page): Promise<void> => {
  const first = page.locator('.jp-Cell').first();
  const refusal = page.locator('.jp-Dialog .jp-mod-accept');
  const limit = performance.now() + 60_000 * Math.min(2, patience());
  while ((await first.locator('.jp-OutputArea-output').count()) === 0) {
    if (performance.now() > limit) throw new Error('the first cell has no output');
    if ((await refusal.count()) > 0) await refusal.click();
    if ((await first.locator('.jp-InputPrompt').innerText()).trim() === '[ ]:') {
      await page.getByRole('menuitem', { name: 'Run', exact: true }).click();
      await page.getByText('Run All Cells', { exact: true }).click();
    }
    await sleep(1000);
  }
};

/** Opens the page of JupyterLab at `path`, with nothing of what was open before. */
export const openInLab = async (page: Page, address: string, path: string): Promise<void> => {
  const url = new URL(address);
  url.pathname = path;
  url.searchParams.set('reset', '');
  await page.goto(url.href);
  await page.waitForSelector('#jupyterlab-splash', { state: 'detached' });
};

/** Opens a new notebook of `sources` in a JupyterLab and a browser of its own; its files and settings go with it. */
export const openNotebook = async (
  sources: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<OpenNotebook> => {
  const profile = mkdtempSync(join(tmpdir(), 'ciard-browser-'));
  // JupyterLab sees the checkout alone.
  mkdirSync(join(places.root, 'runs'), { recursive: true });
  const folder = mkdtempSync(join(places.root, 'runs', 'lab-test-'));
  const notebook = {
    cells: sources.map((source, at) => ({
      cell_type: 'code',
      execution_count: null,
      id: `cell-${at}`,
      metadata: {},
      outputs: [],
      source,
    })),
    metadata: { kernelspec: { name: kernelName, display_name: 'TypeScript (ciard)', language: 'typescript' } },
    nbformat: 4,
    nbformat_minor: 5,
  };
  writeFileSync(join(folder, 'seen.ipynb'), JSON.stringify(notebook));
  const lab = spawn(
    process.execPath,
    [join(places.root, 'bin', 'ciard.mjs'), 'lab', '--no-browser', '--port', String(await freePort())],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        JUPYTERLAB_SETTINGS_DIR: join(profile, 'settings'),
        JUPYTERLAB_WORKSPACES_DIR: join(profile, 'workspaces'),
        CIARD_NOTEBOOK_RUNS: join(folder, 'runs'),
        ...env,
      },
    },
  );
  const ended = once(lab, 'exit');
  const removeFolders = (): void => {
    for (const path of [folder, profile]) rmSync(path, { recursive: true, force: true });
  };
  let stopBrowser = (): Promise<void> => Promise.resolve();
  const close = async (): Promise<void> => {
    await stopBrowser();
    lab.kill('SIGTERM');
    await ended;
    removeFolders();
  };
  try {
    const address = await new Promise<URL>((resolve, reject) => {
      let log = '';
      for (const stream of [lab.stdout, lab.stderr]) {
        stream.on('data', (text: Buffer) => {
          log += text.toString();
          const found = /http:\/\/\S+\?token=\w+/.exec(log);
          if (found) resolve(new URL(found[0]));
        });
      }
      lab.once('exit', () => {
        reject(new Error(`JupyterLab ended:\n${log}`));
      });
    });
    const { chromium: launcher } = await import('playwright-core');
    const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'];
    const browser = await launcher.launchPersistentContext(profile, {
      executablePath: chromium!,
      headless: true,
      viewport: { width: 1200, height: 1200 },
      args: [...flags, '--disable-background-networking', '--disable-component-update'],
    });
    stopBrowser = () => browser.close();
    const page = browser.pages()[0] ?? (await browser.newPage());
    page.setDefaultTimeout(Math.min(90_000, 20_000 * patience()));
    await openInLab(page, address.href, `/lab/tree/${relative(places.root, folder)}/seen.ipynb`);
    await page.locator('.jp-Cell').first().waitFor();
    return { page, address: address.href, folder, close };
  } catch (error) {
    await close();
    throw error;
  }
};
