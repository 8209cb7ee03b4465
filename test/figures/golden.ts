import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import sharp from 'sharp';
import type { Figure } from '../../src/figures/figure.js';
import { renderSvg } from '../../src/figures/render-svg.js';

const folder = join(import.meta.dirname, 'golden');

/** Numbers to `digits` places: machines may differ in the last ones. */
const rounded = (text: string, digits: number): string =>
  text.replace(/-?\d+\.\d+(?:e-?\d+)?/g, (number) => String(Number(Number(number).toFixed(digits)) || 0));

/**
 * Compares `text` with the file `name` that was looked at and committed. Where they differ, the new one lies beside it
 * as `-changed`; where there is none yet, it is written, and the test fails so that somebody looks at it.
 */
const checkGolden = (name: string, text: string, digits: number): void => {
  const golden = join(folder, name);
  const changed = golden.replace(/(\.\w+)$/, '-changed$1');
  const now = rounded(text, digits);
  if (!existsSync(golden)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(golden, now);
    assert.fail(`${golden} is new: look at it and commit it`);
  }
  if (readFileSync(golden, 'utf8') === now) {
    rmSync(changed, { force: true });
    return;
  }
  writeFileSync(changed, now);
  assert.fail(
    `${name} is not what it was: compare it with ${changed}; where the new one is right, move it over the old one`,
  );
};

/** The axes that a figure's traces are drawn on: 'xaxis', 'yaxis2'. */
const axesOf = ({ data }: Figure): string[] => [
  ...new Set(
    data.flatMap(({ xaxis = 'x', yaxis = 'y' }) => [xaxis, yaxis].map((id) => `${id.slice(0, 1)}axis${id.slice(1)}`)),
  ),
];

/** What every figure must be: titled on every axis, the same bytes each time, well-formed, and as it was looked at. */
export const checkFigure = async (name: string, figure: Figure): Promise<string> => {
  for (const axis of axesOf(figure)) {
    const title = figure.layout[axis as 'xaxis']?.title?.text ?? '';
    // A number needs its unit; epochs and categories are their own.
    assert.match(title, /\((?:%|nats|1|1\/255)\)$|^Epoch$|^Attack$|class$|^Setting/, `${name}, ${axis}: '${title}'`);
  }
  const svg = await renderSvg(figure);
  assert.equal(await renderSvg(figure), svg, 'a second drawing has other bytes');
  // librsvg parses strictly: what is not well-formed throws.
  const { width, height } = await sharp(Buffer.from(svg)).metadata();
  assert.ok(width > 0 && height > 0);
  assert.doesNotMatch(svg, /NaN|undefined|Infinity/);
  // Formatted as everything here is, a change shows as the lines that it changes.
  const style = await resolveConfig(import.meta.filename);
  checkGolden(`${name}.json`, await format(rounded(JSON.stringify(figure), 3), { ...style, parser: 'json' }), 3);
  checkGolden(`${name}.svg`, svg, 1);
  return svg;
};
