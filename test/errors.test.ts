import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../src/errors.js';

test('of a message of any length the two ends stay', () => {
  assert.equal(new UserError('short\n\tand plain').message, 'short\n\tand plain');
  const { message } = new UserError(`begin ${'x'.repeat(1e6)} end`);
  assert.ok(message.length < 4100);
  assert.match(message, /^begin x+ … x+ end$/);
});

test('what a terminal obeys is not in a message', () => {
  assert.equal(new UserError("'\x1b[2Ja\0\x9b\r'").message, "'\ufffd[2Ja\ufffd\ufffd\ufffd'");
  // A character outside of the BMP that the cut falls on.
  assert.doesNotMatch(new UserError(`${'😀'.repeat(1e4)}x`).message, /\p{Surrogate}/u);
});

test('a cause stays', () => {
  const cause = new Error('cause');
  assert.equal(new UserError('why', { cause }).cause, cause);
});
