import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { repositoryRoot } from '../../src/setup/places.mjs';
import { pinOf, pipSettingsForUv } from '../../src/setup/uv.mjs';

const locks = ['requirements.lock', 'requirements-tensorflow-cpu.lock', 'requirements-tensorflow-gpu.lock'];

test('every package of the Python locks is pinned by hash, and none by an address', () => {
  for (const name of locks) {
    const lock = readFileSync(join(repositoryRoot, name), 'utf8');
    const packages = [
      ...lock.matchAll(/^([a-z0-9][a-z0-9.-]*)==(?:.*\\\n)( +--hash=sha256:[0-9a-f]{64}(?: \\)?\n)+/gm),
    ];
    const starts = lock.split('\n').filter((line) => /^[^ #]/.test(line));
    assert.equal(packages.length, starts.length, `${name} pins all that it names`);
    assert.ok(packages.length > 0);
    assert.doesNotMatch(lock, /:\/\/|--index|--find-links/, name);
  }
});

test('both TensorFlows are the same version', () => {
  const versions = locks
    .slice(1)
    .map((name) => /^tensorflow(?:-cpu)?==(\S+)/m.exec(readFileSync(join(repositoryRoot, name), 'utf8'))?.[1]);
  assert.match(versions[0] ?? '', /^\d+\.\d+\.\d+$/);
  assert.equal(versions[0], versions[1]);
});

test('the lines of one package are taken out of a lock', () => {
  const lock =
    'ab==1 \\\n    --hash=sha256:00\n    # via c\nabc==2 \\\n    --hash=sha256:01 \\\n    --hash=sha256:02\n';
  assert.equal(pinOf(lock, 'ab'), 'ab==1 \\\n    --hash=sha256:00\n    # via c\n');
  assert.equal(pinOf(lock, 'abc'), 'abc==2 \\\n    --hash=sha256:01 \\\n    --hash=sha256:02\n');
  assert.throws(() => pinOf(lock, 'bc'), /does not pin bc/);
});

test("pip's mirrors and certificates are handed to uv; the environment wins over the files", () => {
  const settings = [
    ":env:.index-url='https://mirror.example/simple'",
    ":env:.disable-pip-version-check='1'",
    "global.index-url='https://old.example/simple?a=b'",
    "global.extra-index-url='https://one.example/simple\\nhttps://two.example/simple'",
    "global.cert='/etc/certificates with space.pem'",
    "global.find-links='/there/is/no/such/folder /'",
    "install.trusted-host='mirror.example'",
    "list.format='json'",
  ].join('\n');
  assert.deepEqual(pipSettingsForUv(settings), {
    UV_DEFAULT_INDEX: 'https://mirror.example/simple',
    UV_INDEX: 'https://one.example/simple https://two.example/simple',
    SSL_CERT_FILE: '/etc/certificates with space.pem',
    UV_FIND_LINKS: '/',
    UV_INSECURE_HOST: 'mirror.example',
  });
  assert.deepEqual(pipSettingsForUv(''), {});
});
