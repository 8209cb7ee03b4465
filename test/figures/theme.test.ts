import assert from 'node:assert/strict';
import { test } from 'node:test';
import { channelsOf, colourAt, contrast } from '../../src/figures/colour.js';
import { axis, createFigure } from '../../src/figures/create-figure.js';
import { buttonColour, ink, paper, sequentialScale, seriesColours, seriesStyle } from '../../src/figures/theme.js';

/** Pages that figures stand on: white, JupyterLab's dark, GitHub's dark. */
const pages = ['#ffffff', '#111111', '#0d1117'];

type Triple = readonly [number, number, number];
/** What is left of linear red, green and blue without one kind of cone (Machado, Oliveira and Fernandes, 2009). */
const visions: Readonly<Record<string, readonly [Triple, Triple, Triple]>> = {
  full: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

const times = (matrix: readonly Triple[], vector: readonly number[]): number[] =>
  matrix.map((row) => row.reduce((sum, factor, i) => sum + factor * vector[i]!, 0));

/** CIE L*a*b* (D65) of a colour as somebody with that vision sees it. */
const seen = (hex: string, vision: readonly Triple[]): number[] => {
  const linear = channelsOf(hex).map((channel) => {
    const value = channel / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  const visible = times(vision, linear).map((value) => Math.min(1, Math.max(0, value)));
  const xyz = times(
    [
      [0.4124 / 0.95047, 0.3576 / 0.95047, 0.1805 / 0.95047],
      [0.2126, 0.7152, 0.0722],
      [0.0193 / 1.08883, 0.1192 / 1.08883, 0.9505 / 1.08883],
    ],
    visible,
  );
  const [x, y, z] = xyz.map((value) =>
    value > 216 / 24389 ? Math.cbrt(value) : ((24389 / 27) * value) / 116 + 16 / 116,
  ) as [number, number, number];
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
};

test('contrast is that of WCAG', () => {
  assert.ok(Math.abs(contrast('#000000', '#ffffff') - 21) < 1e-9);
  assert.equal(contrast('#777777', '#777777'), 1);
  assert.throws(() => contrast('red', '#ffffff'), /'red' is not a colour/);
});

test('every series stands out from its own page, and from light and dark ones, at 3 to 1', () => {
  for (const page of [paper, ...pages]) {
    for (const colour of seriesColours) assert.ok(contrast(colour, page) >= 3, `${colour} on ${page}`);
  }
  assert.ok(contrast(buttonColour, paper) >= 3, "plotly's buttons");
});

test('text and axes stand out from the page that a figure brings at 4.5 to 1, on a dark page as on a light one', () => {
  assert.ok(contrast(ink, paper) >= 4.5, `${ink} on ${paper}: ${contrast(ink, paper)}`);
  const { layout } = createFigure([], { title: 'a', subtitle: 'b' }, { xaxis: axis('c'), yaxis: axis('d') });
  // Not transparent, or the page below would be what it stands on.
  assert.deepEqual([layout.paper_bgcolor, layout.plot_bgcolor], [paper, paper]);
  const said = JSON.stringify(layout);
  const colours = [...said.matchAll(/"(?:color|linecolor|tickcolor)":"(#[0-9a-f]{6})"/g)].map(([, colour]) => colour!);
  assert.ok(colours.length >= 6, said);
  for (const colour of colours) assert.ok(contrast(colour, paper) >= (colour === buttonColour ? 3 : 4.5), colour);
});

test('a whisker is seen on its bar at 3 to 1', () => {
  for (let index = 0; index < seriesColours.length; index++) {
    const { fill } = seriesStyle(index);
    assert.ok(contrast(ink, fill) >= 3, `${ink} on ${fill}: ${contrast(ink, fill)}`);
  }
});

test('the numbers in the cells of a matrix are readable at 4.5 to 1', () => {
  for (let share = 0; share <= 100; share++) {
    const cell = colourAt(sequentialScale, share / 100);
    assert.ok(Math.max(contrast(cell, '#ffffff'), contrast(cell, '#000000')) >= 4.5, cell);
  }
});

test('every two series stay apart under each kind of colour blindness', () => {
  for (const [name, vision] of Object.entries(visions)) {
    seriesColours.forEach((a, i) => {
      for (const b of seriesColours.slice(i + 1)) {
        const distance = Math.hypot(...seen(a, vision).map((value, k) => value - seen(b, vision)[k]!));
        // About 2 is the least that is seen at all.
        assert.ok(distance > 16, `${a} and ${b}, ${name}: ${distance}`);
      }
    });
  }
});

test('no two of the first twelve series look alike', () => {
  const styles = Array.from({ length: 12 }, (_, i) => seriesStyle(i));
  assert.equal(new Set(styles.map(({ colour, symbol }) => `${colour} ${symbol}`)).size, 12);
  assert.equal(new Set(styles.map(({ colour, dash }) => `${colour} ${dash}`)).size, 12);
  assert.equal(new Set(styles.map(({ colour, fill }) => `${colour} ${fill}`)).size, 12);
});

test('numbers can be read on every cell of a matrix', () => {
  for (const [, shade] of sequentialScale) {
    assert.ok(Math.max(contrast(shade, '#ffffff'), contrast(shade, '#000000')) >= 4.5, shade);
  }
});
