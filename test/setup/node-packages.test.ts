import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { matchesLock } from '../../src/setup/node-packages.mjs';
import { placesIn } from '../../src/setup/places.mjs';
import { temporaryFolder } from '../temporary.js';

test('node_modules matches the lock where every package is there in its version, but those of other platforms', (t) => {
  const places = placesIn(temporaryFolder(t));
  mkdirSync(places.nodeModules);
  const a = { version: '1.0.0', integrity: 'sha512-a' };
  const b = { version: '2.0.0', integrity: 'sha512-b' };
  const elsewhere = { version: '1.0.0', integrity: 'sha512-c', optional: true };
  const matches = (installed: object) => {
    writeFileSync(join(places.nodeModules, '.package-lock.json'), JSON.stringify({ packages: installed }));
    return matchesLock(places);
  };
  const wanted = { '': { name: 'root' }, 'node_modules/a': a, 'node_modules/b': b, 'node_modules/c': elsewhere };
  writeFileSync(join(places.root, 'package-lock.json'), JSON.stringify({ packages: wanted }));
  assert.equal(matchesLock(places), false, 'nothing is installed');
  assert.equal(matches({ 'node_modules/a': a, 'node_modules/b': b }), true);
  assert.equal(matches({ 'node_modules/a': a, 'node_modules/b': b, 'node_modules/c': elsewhere }), true);
  assert.equal(matches({ 'node_modules/a': a }), false, 'one is missing');
  assert.equal(
    matches({ 'node_modules/a': a, 'node_modules/b': { ...b, version: '2.0.1' } }),
    false,
    'another version',
  );
  assert.equal(matches({ 'node_modules/a': a, 'node_modules/b': b, 'node_modules/d': a }), false, 'one too many');
});
