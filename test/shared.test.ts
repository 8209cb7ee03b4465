import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { needsShared } from './shared.js';

const name = 'CIARD_REQUIRE_ORACLE';
const given = process.env[name];
afterEach(() => {
  if (given === undefined) Reflect.deleteProperty(process.env, name);
  else process.env[name] = given;
});

test('reference material that is not there is a reason to skip, and a failure where everything is asked for', () => {
  Reflect.deleteProperty(process.env, name);
  assert.match(
    String(needsShared('oracle', 'no-such.json')),
    /^needs the reference material \(shared\/oracle\/no-such/,
  );
  process.env[name] = '1';
  assert.throws(
    () => needsShared('oracle', 'no-such.json'),
    /CIARD_REQUIRE_ORACLE=1 asks for every test .*CIARD_SHARED/,
  );
});
