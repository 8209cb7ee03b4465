import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { UserError } from '../../src/errors.js';
import { packOutcome, unpackOutcome } from '../../src/evaluation/outcome-bits.js';

const outcomes = fc.array(fc.nat({ max: 1 }), { maxLength: 100 }).map((bits) => Uint8Array.from(bits));

test('every outcome is unpacked as it was packed, a bit an image', () => {
  fc.assert(
    fc.property(outcomes, (outcome) => {
      const packed = packOutcome(outcome);
      assert.equal(Buffer.from(packed, 'base64').length, Math.ceil(outcome.length / 8));
      assert.deepEqual(unpackOutcome(packed, outcome.length), outcome);
    }),
  );
  const whole = Uint8Array.from({ length: 10_000 }, (_, i) => Number(i % 3 === 0));
  assert.equal(Buffer.from(packOutcome(whole), 'base64').length, 1250);
});

test('the first image is the highest bit, as NumPy reads them', () => {
  assert.equal(packOutcome(Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 1, 1)), Buffer.of(0x81, 0x80).toString('base64'));
});

test('what is damaged, or of other images, is refused', () => {
  const packed = packOutcome(new Uint8Array(9).fill(1));
  for (const [text, length] of [
    [packed, 8],
    [packed, 17],
    ['not base64!', 9],
    [Buffer.of(0xff, 0xff).toString('base64'), 9],
  ] as const) {
    assert.throws(() => unpackOutcome(text, length), UserError);
  }
  assert.throws(() => packOutcome(Uint8Array.of(0, 2)), RangeError);
});
