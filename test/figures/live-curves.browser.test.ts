import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Locator } from 'playwright-core';
import sharp from 'sharp';
import { seriesColours } from '../../src/figures/theme.js';
import { needsBrowser, openNotebook, runAll } from '../jupyter-lab.js';
import { patience } from '../kernel/kernel-client.js';

const epochs = 6;

// The curves' place is updated by every epoch, and by nothing else.
const training = `
import { createNetwork, display, findMethod, holdOut, liveTrainingCurves, loadDataset, resolveRecipe, takeBalanced, train } from 'ciard';

const { train: images } = await loadDataset('synthetic');
const method = findMethod('natural');
const recipe = resolveRecipe(method, { epochs: ${epochs}, batchSize: 32, validation: { images: 64, every: 1, steps: 1 } });
const held = holdOut(images, 64, 0);
await train({
  method,
  recipe,
  student: createNetwork('cifar-resnet-8', { width: 0.25 }),
  set: images,
  train: takeBalanced(held.train, images, 320, 0),
  validation: held.validation,
  out: process.env['CIARD_NOTEBOOK_RUNS']!,
  // An epoch of ten batches takes about a second, so that each can be looked at.
  progress: () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100),
  onEpoch: liveTrainingCurves(display, { title: 'Live', epochs: ${epochs} }),
});
console.log('trained')`;

/** The colour of the clean accuracy's curve. */
const colour = [1, 3, 5].map((at) => parseInt(seriesColours[0].slice(at, at + 2), 16));

/**
 * How far to the right the clean accuracy's curve is drawn in a picture of the page, as a fraction of its width; undefined
 * where it is not drawn at all. The curve is in the right half, the lowest quarter is the legend's.
 */
const reach = async (png: Buffer): Promise<number | undefined> => {
  const { data, info } = await sharp(png).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  let furthest: number | undefined;
  for (let row = 0; row < 0.75 * info.height; row++) {
    for (let column = Math.floor(info.width / 2); column < info.width; column++) {
      const at = (row * info.width + column) * info.channels;
      if (colour.every((value, channel) => Math.abs(data[at + channel]! - value) < 24))
        furthest = Math.max(furthest ?? 0, column / info.width);
    }
  }
  return furthest;
};

test(
  'curves in JupyterLab grow on the screen while a network trains, and hover when it has',
  { skip: needsBrowser },
  async (t) => {
    const { page, close } = await openNotebook([training]);
    t.after(close);
    await runAll(page);

    const outputs = page.locator('.jp-Cell').first().locator('.jp-OutputArea-output');
    const picture = page.locator('.jp-Cell .jp-RenderedSVG img');
    const plot = page.locator('.jp-Cell').first().locator('.js-plotly-plot');
    /** What the screen shows in the place of `element`. */
    const lookAt = async (element: Locator): Promise<Buffer> => {
      const clip = await element.boundingBox();
      assert.ok(clip);
      return page.screenshot({ clip });
    };
    const limit = performance.now() + 60_000 * Math.min(2, patience());
    const seen: (number | undefined)[] = [];
    let shown: string | null = null;
    while ((await plot.count()) === 0) {
      assert.ok(
        performance.now() < limit,
        `no plotly figure after ${seen.length} pictures: ${(await outputs.allInnerTexts()).join('\n')}`,
      );
      await sleep(30);
      if ((await picture.count()) === 0) continue;
      // It may be replaced by the next epoch's before it is looked at.
      const source = await picture.getAttribute('src', { timeout: 500 }).catch(() => null);
      if (source === null || source === shown) continue;
      const png = await lookAt(picture).catch(() => undefined);
      if (png === undefined || (await plot.count()) > 0) continue;
      shown = source;
      seen.push(await reach(png));
    }
    t.diagnostic(`pictures, and how far the curve reached: ${seen.map((x) => x?.toFixed(2) ?? 'no curve').join(', ')}`);
    const reached = seen.filter((x) => x !== undefined);
    assert.ok(new Set(reached).size >= 3, `too few pictures with a curve: ${seen.join(', ')}`);
    for (const [i, x] of reached.entries())
      assert.ok(x >= (reached[i - 1] ?? 0), `the curve shrank: ${seen.join(', ')}`);

    await outputs.filter({ hasText: 'trained' }).waitFor();
    // Clean accuracy and accuracy under attack: a point an epoch each.
    await plot
      .locator('.points path')
      .nth(2 * epochs - 1)
      .waitFor();
    assert.equal(await plot.locator('.points path').count(), 2 * epochs);
    assert.equal(await picture.count(), 0);
    const whole = await reach(await lookAt(plot));
    assert.ok(whole !== undefined && whole > Math.max(...reached.slice(0, -1)), `the whole curve reaches ${whole}`);
  },
);
