import assert from 'node:assert/strict';
import { test } from 'node:test';
import { execa } from 'execa';
import { confusionFigure } from '../../src/figures/confusion-matrix.js';
import { epsilonCurveFigure } from '../../src/figures/epsilon-curve.js';
import { createFigure } from '../../src/figures/create-figure.js';
import { renderSvg } from '../../src/figures/render-svg.js';

const curve = epsilonCurveFigure(
  [{ label: 'a', points: [0, 1 / 255].map((epsilon) => ({ epsilon, accuracy: { value: 0.5 - epsilon } })) }],
  { attack: 'FGSM' },
);
const matrix = confusionFigure(
  [
    [3, 1],
    [0, 4],
  ],
  { classes: ['a', 'b'] },
);

test('drawings at the same time do not change one another', async () => {
  const alone = [await renderSvg(curve), await renderSvg(matrix)];
  const together = await Promise.all([curve, matrix, curve, matrix].map((figure) => renderSvg(figure)));
  assert.deepEqual(together, [...alone, ...alone]);
});

test('another process draws the same bytes', async () => {
  const script = `
    const { confusionFigure } = await import('./src/figures/confusion-matrix.js');
    const { renderSvg } = await import('./src/figures/render-svg.js');
    process.stdout.write(await renderSvg(confusionFigure([[3, 1], [0, 4]], { classes: ['a', 'b'] })));`;
  const { stdout } = await execa(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script], {
    stripFinalNewline: false,
  });
  assert.equal(stdout, await renderSvg(matrix));
});

test('a picture has the size that is asked for', async () => {
  assert.match(await renderSvg(curve, { width: 500, height: 300 }), /<svg[^>]* width="500" height="300"/);
});

test('what is not drawn is refused by name, and the next drawing works', async () => {
  const pie = createFigure([{ type: 'pie', values: [1, 2] }], { title: 'pie' }, {});
  await assert.rejects(renderSvg(pie), /draws scatter, bar and heatmap, and no trace of type 'pie'/);
  const star = createFigure([{ x: [1], y: [1], mode: 'markers', marker: { symbol: 'star' } }], { title: 'star' }, {});
  await assert.rejects(renderSvg(star), /draws no symbol 'star'/);
  const lying = createFigure([{ type: 'bar', orientation: 'h', x: [1], y: ['a'] }], { title: 'lying' }, {});
  await assert.rejects(renderSvg(lying), /no lying bars/);
  assert.match(await renderSvg(curve), /^<svg /);
});

test('text is only text', async () => {
  const hostile = createFigure(
    [{ x: [1], y: [1], mode: 'text+markers', text: ['<script>alert(1)</script>'], name: '"&<b>' }],
    { title: '<img src=x onerror=alert(1)>' },
    { showlegend: true },
  );
  const svg = await renderSvg(hostile);
  assert.doesNotMatch(svg, /<script|<img|<b>/);
});

test('the figures load neither Vega nor sharp before something is drawn', async () => {
  const hook = `export const load = async (url, context, next) => {
    if (/node_modules\\/(vega|sharp|@tensorflow\\/tfjs-node)/.test(url)) (await import('node:fs')).writeSync(1, url + '\\n');
    return next(url, context);
  };`;
  const script = `
    (await import('node:module')).register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hook)}));
    await import('./src/views/view-of.js');
    await import('./src/views/image-grid.js');
    await import('./src/figures/live-training.js');
    const { renderSvg } = await import('./src/figures/render-svg.js');
    console.log('loaded');
    await renderSvg({ data: [], layout: {} });`;
  const { stdout } = await execa(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script]);
  const lines = stdout.split('\n');
  assert.equal(lines[0], 'loaded', stdout.slice(0, 300));
  assert.ok(lines.length > 1, 'drawing loads Vega');
});
