import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

/** Everything that the file at `url` imports when it runs, through our own files: packages and built-ins by name. */
const importsOf = (url: URL, seen = new Set<string>()): Set<string> => {
  if (seen.has(url.href)) return seen;
  seen.add(url.href);
  const source = readFileSync(url, 'utf8');
  for (const [, type, specifier] of source.matchAll(/^(?:import|export) (type )?[^;]*?from '([^']+)';/gm)) {
    if (type) continue;
    if (specifier!.startsWith('.')) importsOf(new URL(specifier!.replace(/\.js$/, '.ts'), url), seen);
    else seen.add(specifier!);
  }
  return seen;
};

for (const file of ['safetensors-format.ts', 'checkpoint-format.ts', 'network-checkpoint.ts'])
  test(`${file} runs in a browser: nothing that it loads is Node's`, () => {
    const all = [...importsOf(new URL(`../../src/checkpoints/${file}`, import.meta.url))];
    assert.deepEqual(
      all.filter((name) => name.startsWith('node:') || name.includes('tfjs-node')),
      [],
    );
  });

test("this very check sees a built-in: safetensors.ts's", () => {
  assert.ok(importsOf(new URL('../../src/checkpoints/safetensors.ts', import.meta.url)).has('node:fs/promises'));
});
