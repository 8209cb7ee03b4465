import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../src/errors.js';
import { parseIndices, spreadIndices } from '../../src/evaluation/image-indices.js';

test('images are spread over the whole set', () => {
  assert.deepEqual(Array.from(spreadIndices(10, 4)), [0, 2, 5, 7]);
  assert.deepEqual(Array.from(spreadIndices(3, 3)), [0, 1, 2]);
  for (const count of [0, 11, 1.5, NaN]) assert.throws(() => spreadIndices(10, count), UserError);
});

test('positions are read one a line, in their order; what is none is named with its line', () => {
  assert.deepEqual(Array.from(parseIndices('3\n 1 \r\n\n0\n', 4, 'list.txt')), [3, 1, 0]);
  for (const [text, message] of [
    ['0\n4\n', /list\.txt, line 2: "4" is not a position/],
    ['-1', /line 1/],
    ['1.5', /line 1/],
    ['1 2', /line 1/],
    ['one', /"one"/],
    ['2\n1\n2', /line 3: position 2 is there twice/],
    ['\n', /holds no position/],
  ] as const) {
    assert.throws(
      () => parseIndices(text, 4, 'list.txt'),
      (error) => error instanceof UserError && message.test(error.message),
      text,
    );
  }
});

test('a line of a file that is no text is told shortly, its signs written out', () => {
  const line = `\u0000\u001b[31m${'x'.repeat(5000)}`;
  assert.throws(
    () => parseIndices(line, 10, 'f.txt'),
    (error) => error instanceof UserError && error.message.length < 200 && error.message.includes('\\u001b'),
  );
});
