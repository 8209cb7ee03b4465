import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, suite, test, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import {
  chromium,
  type Browser,
  type BrowserContextOptions,
  type Download,
  type Locator,
  type Page,
} from 'playwright-core';
import '../../src/engine/backend.js';
import { scales } from '../../src/experiments/scale.js';
import { collectReport } from '../../src/report/collect.js';
import { laboratoryOf } from '../../src/report/laboratory.js';
import { writeReport } from '../../src/report/write.js';
import { findChromium } from '../kernel/browser.js';
import { patience } from '../kernel/kernel-client.js';
import { temporaryFolder } from '../temporary.js';
import { generateRecords, generateStudents } from './generate.js';

const executable = findChromium();
const megabyte = 1e6;
/** A script that presses a button of the page in the moment in which it comes to be. */
const asSoonAsItIsThere = (button: string): string =>
  `new MutationObserver((_, observer) => {
    const found = [...document.querySelectorAll('button')].find((each) => each.textContent === ${JSON.stringify(button)});
    if (!found) return;
    observer.disconnect();
    found.click();
  }).observe(document, { childList: true, subtree: true });`;
/** Figures are drawn when they come near to the screen; before printing all are. */
const printing = "dispatchEvent(new Event('beforeprint'))";

interface Canvas {
  getContext(kind: '2d'): {
    getImageData(x: number, y: number, width: number, height: number): { readonly data: Uint8ClampedArray };
  };
}

suite(
  'the report in a browser, from the file system',
  { skip: executable === undefined ? 'needs the Chromium browser (apt-get install chromium)' : false },
  () => {
    const folder = temporaryFolder();
    const places = { results: join(folder, 'results'), runs: join(folder, 'runs') };
    let browser: Browser;
    let file: string;
    let bytes: number;
    const screenshots = process.env['CIARD_SCREENSHOTS'];
    const picture = async (page: Page, name: string): Promise<void> => {
      if (screenshots) await page.screenshot({ path: join(screenshots, `report-${name}.png`), fullPage: true });
    };

    before(async () => {
      await generateRecords(places, 36);
      await generateStudents(places);
      const data = await collectReport(places);
      const laboratory = await laboratoryOf(data.runs, places, { data: 'synthetic', root: folder });
      assert.equal(laboratory?.networks.length, 2);
      ({ file, bytes } = await writeReport(join(folder, 'report'), data, laboratory, places.results));
      browser = await chromium.launch({
        executablePath: executable!,
        // Containers run as root, and have no accelerator.
        args: [
          '--no-sandbox',
          '--disable-dev-shm-usage',
          '--disable-background-networking',
          '--enable-unsafe-swiftshader',
        ],
      });
    });
    after(async () => {
      await browser.close();
    });

    /** The page at a state, and what went wrong in it or was asked of the network. */
    const open = async (
      hash = '',
      options: BrowserContextOptions = {},
      report = file,
      script = '',
    ): Promise<{ page: Page; problems: string[] }> => {
      const context = await browser.newContext({ acceptDownloads: true, ...options });
      const page = await context.newPage();
      await page.addInitScript(script);
      page.setDefaultTimeout(60_000 * patience());
      const problems: string[] = [];
      page.on('console', (message) => {
        if (['error', 'warning'].includes(message.type()) && !message.text().includes('GPU stall'))
          problems.push(message.text());
      });
      page.on('pageerror', (error) => problems.push(error.message));
      page.on('request', (request) => {
        if (!/^(file|data|blob):/.test(request.url())) problems.push(request.url());
      });
      await page.goto(`${pathToFileURL(report).href}${hash}`);
      // What was written into the page is there before the script that makes it work.
      await page.locator('#page:not([aria-busy]) .runs tbody tr').first().waitFor();
      return { page, problems };
    };
    const close = async (page: Page): Promise<void> => {
      await page.context().close();
    };
    const contentOf = async (download: Promise<Download>): Promise<{ name: string; content: Buffer }> => {
      const one = await download;
      return { name: one.suggestedFilename(), content: readFileSync(await one.path()) };
    };
    const firstDrawn = (page: Page): Promise<number> =>
      page.evaluate(() => performance.getEntriesByName('figure drawn')[0]!.startTime);

    test('its first view is written into it: runs and a figure, before any script and without one', async () => {
      const context = await browser.newContext({ javaScriptEnabled: false });
      const page = await context.newPage();
      await page.goto(pathToFileURL(file).href);
      assert.ok((await page.locator('.runs tbody tr').count()) > 0);
      await page.locator('[data-figure="clean-robust"] svg').waitFor();
      assert.match(await page.locator('#page').innerText(), /Clean against robust/);
      await picture(page, 'without-scripts');
      await context.close();
      // A link to another view waits for the script, and does not show the first one meanwhile.
      const linked = await browser.newContext();
      const other = await linked.newPage();
      await other.addInitScript(
        "document.addEventListener('DOMContentLoaded', () => { hiddenAtFirst = document.getElementById('page').hidden; })",
      );
      await other.goto(`${pathToFileURL(file).href}#table=all`);
      await other.locator('#page:not([aria-busy])').waitFor();
      assert.equal(await other.evaluate('hiddenAtFirst'), true);
      assert.ok(await other.locator('.runs tbody tr').first().isVisible());
      await linked.close();
    });

    test('opens without network and without a complaint', async (t) => {
      assert.ok(bytes < 6 * megabyte, `${bytes} bytes`);
      const { page, problems } = await open();
      await page.locator('[data-drawn]').first().waitFor();
      const paint = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]!.startTime);
      t.diagnostic(
        `${(bytes / megabyte).toFixed(2)} MB; first view after ${paint.toFixed(0)} ms, live after ${(await firstDrawn(page)).toFixed(0)} ms`,
      );
      await page.evaluate(printing);
      for (const name of ['clean-robust', 'curves', 'ablation', 'parallel-coordinates'])
        await page.locator(`[data-figure="${name}"][data-drawn]`).waitFor();
      assert.equal(await page.locator('.claims tbody tr').count(), 10);
      await picture(page, 'light');
      assert.deepEqual(problems, []);
      await close(page);
    });

    test('a run that is hidden stays in its mean, and that is said', async () => {
      const { page } = await open('#table=all&methods=pgd-at');
      const group = page.locator('tr.group').first();
      const mean = await group.locator('[data-result="clean"]').innerText();
      assert.match(mean, /^\d+\.\d\d ± \d+\.\d\d \(3\)$/);
      await group.getByRole('button').click();
      await page.locator('tr.single').nth(2).waitFor();
      assert.equal(await page.locator('tr.single').count(), 3);
      await page.locator('tr.single input').first().uncheck();
      await group.filter({ hasText: '1 of 3 not drawn' }).waitFor();
      await page
        .locator('.runs caption', { hasText: '1 not drawn among the training curves, means hold them still' })
        .waitFor();
      assert.equal(await group.locator('[data-result="clean"]').innerText(), mean);
      await close(page);
    });

    test('what was measured is led to: record, checkpoint, command', async () => {
      const { page } = await open('#table=all&methods=trades');
      await page.locator('tr.group button').first().click();
      await page.locator('tr.single').first().getByRole('button', { name: 'record' }).click();
      const told = await page.locator('tr.told').innerText();
      assert.match(told, /npx ciard cell run [0-9a-f]{12}/);
      assert.match(told, /results\/students\/records\/[0-9a-f]{64}\.json/);
      assert.match(told, /SHA-256 [0-9a-f]{64}/);
      const link = (await page.locator('tr.told a').first().getAttribute('href'))!;
      assert.ok(existsSync(new URL(link, page.url())), link);
      await close(page);
    });

    test('a link opens what its sender saw', async () => {
      const { page } = await open('#table=all');
      await page
        .locator('section', { has: page.locator('#clean-robust-section') })
        .getByLabel('Attack')
        .selectOption('fgsm');
      await page.getByLabel('Columns').selectOption('differ');
      await page.getByLabel('Words in names and settings').fill('ciard');
      await page.waitForURL(/search=ciard/);
      const groups = await page.locator('tr.group').count();
      assert.ok(groups > 0);
      const hash = await page.evaluate<string>('location.hash');
      const second = await open(hash);
      assert.equal(await second.page.getByLabel('Columns').inputValue(), 'differ');
      assert.equal(await second.page.getByLabel('Words in names and settings').inputValue(), 'ciard');
      assert.equal(await second.page.locator('tr.group').count(), groups);
      const heads = await second.page.locator('.runs thead').innerText();
      assert.match(heads, /epochs/);
      assert.doesNotMatch(heads, /batchSize/);
      await second.page.locator('[data-figure="clean-robust"][data-drawn]').waitFor();
      assert.match(await second.page.locator('[data-figure="clean-robust"] .ytitle').innerHTML(), /FGSM/);
      await close(page);
      await close(second.page);
    });

    test('a link of another day opens what there is', async () => {
      const { page, problems } = await open(
        '#at=nope&table=nope&student=nope&attack=nope&paper=nope&curve=nope&setting=nope&differ=nope&columns=nope' +
          '&try=nope&image=3.5&epsilon=999&networks=nope&curves=nope',
      );
      await page.locator('#attack ~ * select').first().waitFor();
      const values = await page
        .locator('select')
        .evaluateAll((all) => all.map((each) => (each as unknown as { value: string }).value));
      // Of the student and of a setting's value nothing is chosen, which is a choice.
      assert.deepEqual(values.filter((value) => value === '').length, 2, values.join());
      assert.equal(await page.getByLabel('Image', { exact: true }).inputValue(), '4');
      assert.equal(await page.getByLabel('ε in 255ths').inputValue(), '64');
      assert.ok((await page.locator('tr.group').count()) > 0);
      assert.deepEqual(problems, []);
      await close(page);
    });

    test('a link to a section opens there, and stays while figures are drawn', async () => {
      for (const hash of ['#claims', '#section=claims&table=all']) {
        const { page, problems } = await open(hash, { viewport: { width: 1280, height: 600 } });
        await page.locator('[data-figure="parallel-coordinates"][data-drawn]').waitFor();
        await page.waitForTimeout(500);
        const top = await page.evaluate<number>(`document.getElementById('claims').getBoundingClientRect().top`);
        assert.ok(top >= 0 && top < 300, `${hash}: the heading is at ${top} px`);
        assert.deepEqual(problems, []);
        await close(page);
      }
    });

    test('what the chosen table varies is the first ablation', async () => {
      const { page } = await open('#table=students');
      const setting = page
        .locator('section', { has: page.locator('#ablations') })
        .getByLabel('Setting', { exact: true });
      assert.equal(await setting.inputValue(), 'epochs');
      await close(page);
    });

    test('every setting of every run is a column, in full', async () => {
      const { page } = await open('#table=all&columns=settings');
      const heads = await page.locator('.runs thead').innerText();
      for (const name of ['pushWeight', 'retrainEvery', 'temperature']) assert.ok(heads.includes(name), name);
      await close(page);
    });

    test('nothing chosen is nothing drawn, and more than can be told apart can’t be chosen', async () => {
      const { page } = await open('#table=all');
      const ablations = page.locator('section', { has: page.locator('#ablations') });
      await ablations.getByText(/^Results: /).click();
      const checked = ablations.locator('details', { hasText: 'Results: ' }).locator('input:checked');
      while ((await checked.count()) > 0) await checked.first().uncheck();
      await ablations.locator('summary', { hasText: /Results: .*none/ }).waitFor();
      const attack = page.locator('section', { has: page.locator('#attack') });
      await attack.locator('summary', { hasText: 'Networks' }).click();
      const boxes = attack.locator('.checks input');
      await boxes.nth(1).waitFor();
      assert.equal(await boxes.count(), 2);
      await close(page);
    });

    test('every table and figure is a file on demand', async () => {
      const { page } = await open('#table=all');
      const waiting = page.waitForEvent('download');
      await page.getByRole('button', { name: 'CSV of runs' }).click();
      const csv = await contentOf(waiting);
      assert.equal(csv.name, 'runs.csv');
      const lines = csv.content.toString().trimEnd().split('\r\n');
      assert.match(lines[0]!, /^title,scale,data,student,method,replicates,.*clean_mean,clean_sd,clean_n/);
      assert.equal(lines.length - 1, await page.locator('tr.group').count());
      const singles = page.waitForEvent('download');
      await page.getByRole('button', { name: 'CSV of single runs' }).click();
      const rows = (await contentOf(singles)).content.toString().trimEnd().split('\r\n');
      assert.match(rows[0]!, /^group,replicate,name,.*,clean,.*,checkpoint,cell$/);
      assert.ok(rows.length > lines.length, `${rows.length} rows`);
      const pair = page.waitForEvent('download');
      await page.getByRole('button', { name: 'CSV of image-by-image' }).click();
      const compared = (await contentOf(pair)).content.toString().split('\r\n');
      assert.match(compared[0]!, /^network_1,cell_1,network_2,cell_2,attack,.*,mcnemar_p$/);
      const card = page.locator('figure.card', { has: page.locator('[data-figure="clean-robust"]') });
      await card.scrollIntoViewIfNeeded();
      for (const [format, begin] of [
        ['SVG', '<svg'],
        ['PNG', '\x89PNG'],
      ] as const) {
        const download = page.waitForEvent('download');
        await card.getByRole('button', { name: format }).click();
        const { name, content } = await contentOf(download);
        assert.equal(name, `clean-robust.${format.toLowerCase()}`);
        assert.equal(content.subarray(0, 4).toString('latin1'), begin);
      }
      await card.getByText('The figure as a table').click();
      await card.locator('tbody tr').nth(5).waitFor();
      await close(page);
    });

    /** What the page says of each network: that it computes it as Node does. */
    const checkAgreement = async (section: Locator, t: TestContext): Promise<void> => {
      await section.getByText('Does this page compute').scrollIntoViewIfNeeded();
      const rows = section.locator('table', { hasText: 'Agreement' }).locator('tbody tr');
      await rows.first().waitFor();
      assert.equal(await rows.count(), 2);
      for (let i = 0; i < 2; i++) {
        await rows.nth(i).filter({ hasText: 'of 100 images' }).waitFor();
        const text = await rows.nth(i).innerText();
        const [, logits, same] = /within (\S+) of Node’s; FGSM ends as its record says on (\d+) of 100/.exec(text)!;
        t.diagnostic(`${await section.locator('[data-backend]').innerText()} ${text.replaceAll(/\s+/g, ' ')}`);
        assert.ok(Number(logits) < 1e-3, text);
        assert.ok(Number(same) >= 99, text);
      }
    };

    test('computes the students of the lite scale as Node does', async (t) => {
      const own = { results: join(folder, 'lite', 'results'), runs: join(folder, 'lite', 'runs') };
      await generateStudents(own, scales.lite.students);
      const data = await collectReport(own);
      const laboratory = await laboratoryOf(data.runs, own, { data: 'synthetic', root: folder });
      const { resnet18, mobilenetv2 } = scales.lite.students;
      assert.deepEqual(
        new Map(laboratory?.networks.map(({ architecture, width }) => [architecture, width])),
        new Map([resnet18!, mobilenetv2!].map(({ architecture, width }) => [architecture, width])),
      );
      const report = await writeReport(join(folder, 'lite report'), data, laboratory);
      assert.ok(report.bytes < 6 * megabyte, `${report.bytes} bytes`);
      const { page, problems } = await open('#try=fgsm&table=all', {}, report.file);
      await checkAgreement(page.locator('section', { has: page.locator('#attack') }), t);
      assert.deepEqual(problems, []);
      await close(page);
    });

    for (const backend of ['', '&backend=cpu']) {
      test(`attacks networks in the page as Node does${backend}`, async (t) => {
        const { page, problems } = await open(`#try=fgsm${backend}`);
        const section = page.locator('section', { has: page.locator('#attack') });
        await checkAgreement(section, t);
        await section.getByRole('button', { name: 'Attack', exact: true }).click();
        await section.locator('[data-step="1"]').waitFor();
        await section.getByText('attacked:').nth(1).waitFor();
        assert.equal(await section.getByText('attacked:').count(), 2);
        // What ε allows is used: FGSM leaves no pixel within the image's range as it was.
        const moved = await section
          .locator('canvas[aria-label^="difference"]')
          .first()
          .evaluate((canvas) => {
            // The element is known by its shape here: this project's tests have no types of the browser's.
            const { data } = (canvas as unknown as Canvas).getContext('2d').getImageData(0, 0, 32, 32);
            return data.filter((value, i) => i % 4 !== 3 && Math.abs(value - 128) > 100).length / (3 * 32 * 32);
          });
        assert.ok(moved > 0.5, `${moved} of the pixels moved by ε`);
        await picture(page, `attack${backend}`);
        assert.deepEqual(problems, []);
        await close(page);
      });
    }

    test('an attack asked for at once is made, and ends where another image is chosen', async () => {
      const { page, problems } = await open('#try=pgd-sat&steps=60', {}, file, asSoonAsItIsThere('Attack'));
      const section = page.locator('section', { has: page.locator('#attack') });
      await section.getByText('attacked:').first().waitFor();
      await section.getByLabel('Image', { exact: true }).selectOption('20');
      await section.getByRole('button', { name: 'Attack', exact: true }).waitFor();
      await section.getByText('attacked:').first().waitFor({ state: 'detached' });
      assert.deepEqual(problems, []);
      await close(page);
    });

    test('what is pressed to attack stays where it is while the page makes ready to compute', async () => {
      const offset = `document.querySelector('#attack ~ * .controls').getBoundingClientRect().top -
        document.getElementById('attack').getBoundingClientRect().top`;
      // Another width, another number of lines.
      for (const width of [360, 1280]) {
        const { page } = await open(
          '#table=all',
          { viewport: { width, height: 720 } },
          file,
          `new MutationObserver((_, observer) => {
            if (!document.querySelector('#attack ~ * .controls')) return;
            observer.disconnect();
            atFirst = ${offset};
          }).observe(document, { childList: true, subtree: true });`,
        );
        const section = page.locator('section', { has: page.locator('#attack') });
        await section.locator('.controls').scrollIntoViewIfNeeded();
        await section.locator('[data-backend]').waitFor();
        assert.equal(await page.evaluate<number>(offset), await page.evaluate<number>('atFirst'), `${width} px`);
        await close(page);
      }
    });

    test('nothing stands in the way of keyboard and screen reader', async () => {
      const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
      for (const colorScheme of ['light', 'dark'] as const) {
        const { page } = await open('#table=all', { bypassCSP: true, colorScheme });
        await page.evaluate(printing);
        await page.locator('[data-figure="curves"][data-drawn]').waitFor();
        await page.addScriptTag({ content: axe });
        const found = await page.evaluate(async () => {
          const { axe: engine } = globalThis as unknown as {
            axe: { run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }> };
          };
          const { violations } = await engine.run();
          return violations
            .filter(({ impact }) => impact !== 'minor')
            .map(
              ({ id, nodes }) =>
                `${id}: ${nodes
                  .map(({ html }) => html.slice(0, 160))
                  .slice(0, 3)
                  .join(' | ')}`,
            );
        });
        assert.deepEqual(found, [], colorScheme);
        await picture(page, colorScheme);
        await close(page);
      }
    });

    test('fits a telephone and a wall', async () => {
      for (const width of [360, 3840]) {
        const { page } = await open('#table=all', { viewport: { width, height: 800 } });
        await page.evaluate(printing);
        await page.locator('[data-figure="parallel-coordinates"][data-drawn]').waitFor();
        assert.equal(
          await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth'),
          0,
          `${width} px`,
        );
        await picture(page, `${width}`);
        await close(page);
      }
    });

    test('printed on a page across, nothing is cut at the right', async () => {
      // A4 without Chromium's margins of 1 cm, in pixels.
      const { page } = await open('#table=all', { viewport: { width: 1280, height: 800 } });
      await page.evaluate(printing);
      await page.locator('[data-figure="parallel-coordinates"][data-drawn]').waitFor();
      await page.emulateMedia({ media: 'print' });
      await page.setViewportSize({ width: 1047, height: 718 });
      const asked = await page.evaluate<string>(
        `[...document.querySelectorAll('.modebar-btn')].map((each) => each.dataset.title).join()`,
      );
      assert.match(asked, /Zoom/);
      assert.doesNotMatch(asked, /[Ss]hare|[Cc]loud/);
      const cut = await page.evaluate<string[]>(`[...document.querySelectorAll('table, .plot svg, img, canvas')]
        .filter((each) => each.getClientRects().length > 0 && each.getBoundingClientRect().right > innerWidth + 1)
        .map((each) => each.tagName + ' ' + (each.closest('[data-figure]')?.dataset.figure ?? each.className.baseVal ?? each.className) + ' ' + Math.round(each.getBoundingClientRect().right))`);
      assert.deepEqual(cut, []);
      const shown = await page.evaluate<number>(
        `[...document.querySelectorAll('table')].filter((each) => each.getClientRects().length > 0).length`,
      );
      assert.ok(shown >= 2, `${shown} tables are printed`);
      // What was chosen is on paper too.
      assert.ok(await page.getByLabel('Table', { exact: true }).isVisible());
      assert.equal(await page.getByRole('button', { name: 'CSV of runs' }).isVisible(), false);
      await picture(page, 'print');
      await close(page);
    });

    test('500 runs stay within 500 MB', async (t) => {
      const many = { results: join(folder, 'many'), runs: places.runs };
      await generateRecords(many, 500);
      const data = await collectReport(many);
      assert.equal(data.runs.length, 500);
      const report = await writeReport(join(folder, 'many report'), data, null);
      const { page, problems } = await open('#table=all', {}, report.file);
      const shown = page.locator('tr.group');
      const some = await shown.count();
      // Printing is synchronous: every group is there when the event is over.
      const printed = await page.evaluate<number>(`${printing}; document.querySelectorAll('tr.group').length`);
      assert.ok(printed > some, `${printed} groups are printed, ${some} were shown`);
      await page.locator('[data-figure="parallel-coordinates"][data-drawn]').waitFor();
      const session = await page.context().newCDPSession(page);
      const { usedSize } = (await session.send('Runtime.getHeapUsage')) as { usedSize: number };
      t.diagnostic(
        `${(report.bytes / megabyte).toFixed(2)} MB; first figure after ${(await firstDrawn(page)).toFixed(0)} ms; ` +
          `${(usedSize / megabyte).toFixed(0)} MB of JavaScript memory`,
      );
      assert.ok(usedSize < 500 * megabyte);
      assert.deepEqual(problems, []);
      await close(page);
    });
  },
);
