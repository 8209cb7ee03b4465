import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, afterEach, before, suite, test } from 'node:test';
import type { Locator, Page } from 'playwright-core';
import { places } from '../../src/setup/places.mjs';
import { patience } from './kernel-client.js';
import { needsBrowser, openInLab, openNotebook, runAll } from '../jupyter-lab.js';
import { takesMinutes } from '../slow.js';

const figure = {
  'application/vnd.plotly.v1+json': {
    data: [{ type: 'scatter', mode: 'markers', marker: { size: 24 }, x: [1, 2, 3], y: [3, 1, 2], name: 'clean' }],
    layout: { width: 500, height: 300, title: { text: 'A figure' } },
  },
};

const sources = [
  "import * as ciard from 'ciard';\nimport { display, mime } from './src/kernel/display.js';\nimport { notebookProgress } from './src/kernel/notebook-progress.js';\ntypeof ciard.interruptSignal",
  `mime(${JSON.stringify(figure)})`,
  "const progress = notebookProgress();\nfor (let done = 0; done <= 5; done++) progress({ task: 'count', done, total: 5 });",
  'function fail(x: number): never {\n  throw new RangeError(`no ${x}`);\n}\nfail(3)',
];

const quickstart = join(places.root, 'notebooks', '00-quickstart.ipynb');

suite('JupyterLab in a browser', { skip: needsBrowser }, () => {
  let page: Page;
  let address: string;
  let folder: string;
  let close: () => Promise<void> = () => Promise.resolve();
  /** CIARD_SCREENSHOTS names a folder in which to look at what the test saw. */
  const screenshots = process.env['CIARD_SCREENSHOTS'];
  const picture = async (name: string): Promise<void> => {
    if (screenshots) await page.screenshot({ path: join(screenshots, `${name}.png`) });
  };
  const open = (path: string): Promise<void> => openInLab(page, address, path);
  const panel = () => page.locator('.jp-NotebookPanel:not(.lm-mod-hidden)');
  const kernelButton = () => panel().locator('.jp-Toolbar-kernelName', { hasText: 'TypeScript (ciard)' });
  const cell = (at: number) => panel().locator('.jp-Cell').nth(at);
  const activeCell = () => panel().locator('.jp-Cell.jp-mod-active');
  const toolbar = (command: string) => panel().locator(`.jp-Toolbar [data-command="${command}"]`).first();
  const background = (element: Locator): Promise<string> =>
    element.evaluate((node) => {
      // Runs in the page, whose globals this program has no types of.
      const { getComputedStyle } = globalThis as unknown as {
        getComputedStyle: (of: unknown) => { backgroundColor: string };
      };
      return getComputedStyle(node).backgroundColor;
    });

  before(async () => {
    ({ page, address, folder, close } = await openNotebook(sources, { CIARD_NOTEBOOK_BUDGET: 'small' }));
  });

  afterEach(async (context) => {
    await picture(`after ${context.name}`);
  });

  after(() => close());

  test('opens on our notebooks; a new one has our kernel without a question', async () => {
    await page.goto(address);
    await page.waitForSelector('#jupyterlab-splash', { state: 'detached' });
    await page.locator('.jp-FileBrowser-crumbs', { hasText: 'notebooks' }).waitFor();
    await open(`/lab/tree/${relative(places.root, folder)}`);
    await page.locator('.jp-DirListing-item', { hasText: 'seen.ipynb' }).waitFor();
    await page.getByRole('menuitem', { name: 'File', exact: true }).click();
    await page.getByText('New', { exact: true }).hover();
    await page.locator('.lm-Menu-item[data-command="notebook:create-new"]').first().click();
    await kernelButton().waitFor();
    assert.equal(await page.locator('.jp-Dialog').count(), 0);
    await picture('new-notebook');
  });

  test('runs all cells up to an error, which is red', async () => {
    await open(`/lab/tree/${relative(places.root, folder)}/seen.ipynb`);
    await kernelButton().waitFor();
    await cell(3).waitFor();
    await runAll(page);
    const error = cell(3).locator(
      '.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.error"], .jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"]',
    );
    await error.first().waitFor();
    assert.match(await error.first().innerText(), /RangeError: no 3/);
    assert.match(await error.first().innerText(), /at fail \(cell \[4\]:2:9\)/);
    const colour = await background(error.first());
    const [red, green, blue] = colour.match(/\d+/g)!.map(Number) as [number, number, number];
    assert.ok(red > green + 20 && red > blue + 20, `its background is ${colour}`);
    assert.equal(
      (await cell(0).locator('.jp-OutputArea-executeResult .jp-OutputArea-output').innerText()).trim(),
      "'function'",
    );
  });

  test('draws a figure, which tells its values under the pointer', async () => {
    const plot = cell(1).locator('.js-plotly-plot');
    await plot.locator('.points path').nth(2).waitFor();
    assert.equal(await plot.locator('.points path').count(), 3);
    assert.equal(await plot.locator('.gtitle').textContent(), 'A figure');
    // The figure catches the pointer above its points, so it is moved by hand.
    const point = (await plot.locator('.points path').nth(2).boundingBox())!;
    await page.mouse.move(point.x - 20, point.y - 20);
    await page.mouse.move(point.x + point.width / 2, point.y + point.height / 2, { steps: 5 });
    await plot.locator('.hoverlayer .hovertext').first().waitFor();
    assert.match((await plot.locator('.hoverlayer').textContent()) ?? '', /2/);
  });

  test('shows progress as a bar', async () => {
    const bar = cell(2).locator('progress');
    await bar.waitFor();
    assert.equal(await bar.getAttribute('value'), '1');
    assert.match(await cell(2).locator('.jp-OutputArea-output').innerText(), /count\s+5\/5/);
  });

  test('is readable in light and in dark', async () => {
    await picture('light');
    const notebook = panel().locator('.jp-Notebook');
    const light = await background(notebook);
    await page.getByRole('menuitem', { name: 'Settings', exact: true }).click();
    await page.getByText('Theme', { exact: true }).hover();
    await page.getByText('JupyterLab Dark', { exact: true }).click();
    await page.locator('body[data-jp-theme-light="false"]').waitFor({ state: 'attached' });
    // The splash covers the page while the theme is loaded.
    await page.waitForSelector('#jupyterlab-splash', { state: 'detached' });
    assert.notEqual(await background(notebook), light);
    await picture('dark');
  });

  test('completes the library’s names after its dot', async () => {
    await toolbar('notebook:insert-cell-below').click();
    await activeCell().locator('.cm-content').click();
    await page.keyboard.type('ciard.');
    const item = page.locator('.jp-Completer-item');
    // JupyterLab drops a completion that takes longer than it waits for one, and says nothing: it is asked again.
    for (let again = 0; again < 5 && !(await item.first().isVisible()); again++) {
      await page.keyboard.press('Tab');
      await item
        .first()
        .waitFor({ timeout: 10_000 })
        .catch(() => undefined);
    }
    const names = await item.allInnerTexts();
    assert.ok(
      names.some((name) => name.includes('interruptSignal')),
      names.join(', '),
    );
    await picture('completion');
    await page.keyboard.press('Escape');
  });

  test('shows signature and comment on Shift-Tab', async () => {
    await page.keyboard.press('Control+A');
    await page.keyboard.type('notebookProgress');
    await page.keyboard.press('Shift+Tab');
    // JupyterLab attaches the tooltip before it has drawn what stands in it.
    const tip = page.locator('.jp-Tooltip', { hasText: 'notebookProgress' });
    await tip.waitFor();
    assert.match(await tip.innerText(), /notebookProgress[^]*Progress as one line/);
    await picture('inspection');
    await page.keyboard.press('Escape');
  });

  test('interrupts from the toolbar', async () => {
    await activeCell().locator('.cm-content').click();
    await page.keyboard.press('Control+A');
    await page.keyboard.type("console.log('waiting'); await new Promise(() => undefined);");
    await page.keyboard.press('Control+Enter');
    const active = activeCell();
    await active.locator('.jp-OutputArea-output', { hasText: 'waiting' }).waitFor();
    assert.equal((await active.locator('.jp-InputPrompt').innerText()).trim(), '[*]:');
    await toolbar('notebook:interrupt-kernel').click();
    const error = active.locator('.jp-OutputArea-output', { hasText: 'InterruptedError' });
    await error.waitFor({ timeout: 3000 * patience() });
    await picture('interrupted');
  });

  test(
    'runs all cells of the quickstart, figures and all',
    { skip: takesMinutes || (existsSync(quickstart) ? false : 'needs notebooks/00-quickstart.ipynb') },
    async (t) => {
      interface Notebook {
        cells: {
          cell_type: string;
          execution_count?: number | null;
          outputs?: { output_type: string; ename?: string; evalue?: string; data?: Record<string, unknown> }[];
        }[];
      }
      const read = (file: string) => JSON.parse(readFileSync(file, 'utf8')) as Notebook;
      const original = read(quickstart);
      for (const one of original.cells.filter(({ cell_type }) => cell_type === 'code')) {
        one.execution_count = null;
        one.outputs = [];
      }
      const copy = join(folder, 'quickstart.ipynb');
      writeFileSync(copy, JSON.stringify(original));
      await open(`/lab/tree/${relative(places.root, copy)}`);
      await kernelButton().waitFor();
      await cell(0).waitFor();
      const began = performance.now();
      await runAll(page);
      let saved = original;
      const codeCells = () => {
        try {
          saved = read(copy);
        } catch (error) {
          // JupyterLab is about to write it.
          assert.ok(error instanceof SyntaxError);
        }
        return saved.cells.filter(({ cell_type }) => cell_type === 'code');
      };
      const failed = () =>
        codeCells().flatMap(({ outputs = [] }) => outputs.filter((output) => output.output_type === 'error'));
      const limit = 180_000 * Math.min(4, patience());
      while (codeCells().some(({ execution_count }) => typeof execution_count !== 'number') && failed().length === 0) {
        assert.ok(performance.now() - began < limit, `not done after ${limit / 1000} s`);
        await sleep(2000);
        await page.keyboard.press('Control+s');
      }
      assert.deepEqual(failed(), []);
      t.diagnostic(`ran in ${((performance.now() - began) / 1000).toFixed(0)} s`);
      const figures = codeCells().filter(({ outputs = [] }) =>
        outputs.some(({ data }) => data && 'application/vnd.plotly.v1+json' in data),
      );
      assert.ok(figures.length > 0);
      const plot = panel().locator('.js-plotly-plot').first();
      await plot.scrollIntoViewIfNeeded();
      await plot.locator('.main-svg').first().waitFor();
      await picture('quickstart');
    },
  );
});
