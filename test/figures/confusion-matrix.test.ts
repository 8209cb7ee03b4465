import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { confusionFigure, countConfusions } from '../../src/figures/confusion-matrix.js';
import { renderSvg } from '../../src/figures/render-svg.js';
import { checkFigure } from './golden.js';

const letters = ['ant', 'bee', 'cat & "dog"', '<emu>'];

test('confusions: every image is counted once, in the row of its class', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 7 }).chain((classes) => {
        const member = fc.integer({ min: 0, max: classes - 1 });
        return fc.record({ classes: fc.constant(classes), pairs: fc.array(fc.tuple(member, member)) });
      }),
      ({ classes, pairs }) => {
        const counts = countConfusions(
          pairs.map(([label]) => label),
          pairs.map(([, predicted]) => predicted),
          classes,
        );
        counts.forEach((row, label) => {
          row.forEach((count, predicted) => {
            assert.equal(count, pairs.filter(([a, b]) => a === label && b === predicted).length);
          });
        });
      },
    ),
  );
});

test('confusions: what does not fit is refused', () => {
  assert.throws(() => countConfusions([0, 1], [0], 2), /2 labels and 1 predictions/);
  assert.throws(() => countConfusions([0, 2], [0, 1], 2), /image 1: class 2 taken for 1, but there are 2 classes/);
  assert.throws(() => countConfusions([0, 1], [0, -1], 2), /image 1/);
  assert.throws(() => confusionFigure([[1]], { classes: letters }), /1 rows of counts do not fit 4 names/);
});

test('a confusion matrix: shares of each row, an empty row where a class has no images', async () => {
  const counts = [
    [80, 15, 5, 0],
    [1, 998, 1, 0],
    [0, 0, 0, 0],
    [3, 3, 3, 1],
  ];
  const figure = confusionFigure(counts, { classes: letters });
  assert.deepEqual(figure.data[0]!.z, [
    [80, 15, 5, 0],
    [0.1, 99.8, 0.1, 0],
    [null, null, null, null],
    [30, 30, 30, 10],
  ]);
  const svg = await checkFigure('confusion-matrix', figure);
  assert.match(svg, /&lt;emu&gt;/);
});

test('with a hundred classes there are no numbers, and the picture stays small', async () => {
  const classes = Array.from({ length: 100 }, (_, i) => `class ${i}`);
  const counts = classes.map((_, row) =>
    classes.map((__, column) => (row === column ? 90 : row === column + 1 ? 10 : 0)),
  );
  const figure = confusionFigure(counts, { classes });
  assert.equal(figure.data[0]!.text, undefined);
  assert.ok((await renderSvg(figure)).length < 60_000);
});
