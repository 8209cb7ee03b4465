import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cleanRobustFigure } from '../../src/figures/clean-robust.js';
import type { Figure } from '../../src/figures/figure.js';
import { mimeBundle } from '../../src/figures/mime-bundle.js';
import { renderSvg } from '../../src/figures/render-svg.js';
import { bundleOf } from '../../src/kernel/display.js';

const figure = cleanRobustFigure([{ label: 'CIARD', clean: { value: 0.8 }, robust: { value: 0.4 } }], {
  title: 'One student',
  attack: 'PGD-20',
});

test('the notebook shows a figure as plotly, as SVG and as text', async () => {
  const bundle = await bundleOf(figure);
  assert.deepEqual(bundle, await mimeBundle(figure));
  const plotly = bundle['application/vnd.plotly.v1+json'] as Figure;
  assert.deepEqual(JSON.parse(JSON.stringify(plotly.data)), JSON.parse(JSON.stringify(figure.data)));
  assert.equal(bundle['image/svg+xml'], await renderSvg(figure));
  assert.equal(bundle['text/plain'], '[One student: Accuracy under PGD-20 (%) by Clean accuracy (%); CIARD]');
});

test('a figure that was changed shows the change', async () => {
  const retitled: Figure = { ...figure, layout: { ...figure.layout, title: { text: 'Another title' } } };
  assert.match(String((await bundleOf(retitled))['text/plain']), /^\[Another title/);
});
