import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { cacheEnvironment } from '../../src/setup/caches.mjs';
import { placesIn } from '../../src/setup/places.mjs';
import { temporaryFolder } from '../temporary.js';

test('the caches stay where the user has them, and move into the checkout where there is no home', (t) => {
  const folder = temporaryFolder(t);
  assert.deepEqual(cacheEnvironment(placesIn(folder), folder), {});
  assert.deepEqual(cacheEnvironment(placesIn(folder), join(folder, 'nowhere')), {
    UV_CACHE_DIR: join(folder, '.ciard', 'cache', 'uv'),
    npm_config_cache: join(folder, '.ciard', 'cache', 'npm'),
  });
});
