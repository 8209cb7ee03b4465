import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { download, type DownloadOptions } from '../../src/data/download.js';
import { InterruptedError, UserError } from '../../src/errors.js';
import type { ProgressEvent } from '../../src/progress.js';
import { createRng } from '../../src/random.js';
import { serveArchive } from './archive-server.js';
import { everythingIn, temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
const rng = createRng(1);
const bytes = Buffer.from(Uint8Array.from({ length: 1_000_000 }, () => rng.integer(256)));
const md5 = createHash('md5').update(bytes).digest('hex');
let made = 0;
const newTarget = (): string => join(folder, `${made++}`, 'archive.tar.gz');
const fast: DownloadOptions = { pause: 1, patience: 300, md5 };
const refused = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof UserError, String(error));
  assert.match(error.message, pattern);
  return true;
};
/** Nothing beside the file itself. */
const arrived = (target: string, expected: Buffer = bytes): void => {
  assert.deepEqual(readFileSync(target), expected);
  assert.deepEqual(everythingIn(join(target, '..')), ['archive.tar.gz']);
};

/** Downloads until the server falls silent after 600,000 bytes, and is interrupted there. */
const interruptAfterBytes = async (address: string, target: string): Promise<void> => {
  const controller = new AbortController();
  const running = download([address], target, { ...fast, patience: 60_000, signal: controller.signal });
  const size = (): number => (existsSync(`${target}.part`) ? statSync(`${target}.part`).size : 0);
  for (let i = 0; i < 1000 && size() < 600_000; i++) await sleep(10);
  controller.abort();
  await assert.rejects(running, InterruptedError);
};

test('a download: whole, checked, with progress up to its end', async () => {
  const server = await serveArchive(bytes);
  const target = newTarget();
  const events: ProgressEvent[] = [];
  await download([server.address], target, { ...fast, progress: (event) => events.push(event) });
  arrived(target);
  assert.equal(server.requests.length, 1);
  assert.equal(events.at(-1)!.done, events.at(-1)!.total);
  assert.ok(events.slice(0, -1).every(({ done, total }) => done < total));
});

test('a connection that breaks is taken up where it broke, as often as it takes', async () => {
  const server = await serveArchive(bytes, [{ cutAfter: 200_000 }, { cutAfter: 300_000 }, { cutAfter: 100_000 }]);
  const target = newTarget();
  await download([server.address], target, fast);
  arrived(target);
  // What was on its way when the connection broke may be lost with it.
  const starts = server.requests.map(({ range }) => Number(/\d+/.exec(range ?? '0')![0]));
  assert.equal(starts.length, 4);
  let sent = 0;
  for (const [i, cut] of [200_000, 300_000, 100_000].entries()) {
    sent = starts[i]! + cut;
    assert.ok(starts[i + 1]! > starts[i]! && starts[i + 1]! <= sent, starts.join(' '));
  }
  assert.ok(server.requests.slice(1).every(({ ifRange }) => ifRange?.startsWith('"1000000-')));
});

test('broken at any places, the file is the right one', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ cutAfter: fc.integer({ min: 0, max: 400_000 }), noRange: fc.boolean() }), { maxLength: 4 }),
      async (conduct) => {
        const server = await serveArchive(bytes, conduct);
        const target = newTarget();
        await download([server.address], target, { ...fast, attempts: 6 });
        arrived(target);
        await server.close();
      },
    ),
    { numRuns: 25 },
  );
});

test('a connection that falls silent counts as broken', async () => {
  const server = await serveArchive(bytes, [{ stallAfter: 400_000 }]);
  const target = newTarget();
  await download([server.address], target, fast);
  arrived(target);
  assert.equal(server.requests[1]!.range, 'bytes=400000-');
});

test('a server without ranges: from the beginning, and still right', async () => {
  const server = await serveArchive(bytes, [{ cutAfter: 700_000 }], { noRange: true });
  const target = newTarget();
  await download([server.address], target, fast);
  arrived(target);
  assert.equal(server.requests.length, 2);
});

test('without an entity tag or a date the rest is not asked for: nobody could say whether it fits', async () => {
  const server = await serveArchive(bytes, [{ cutAfter: 700_000 }], { noValidator: true });
  const target = newTarget();
  await download([server.address], target, fast);
  arrived(target);
  assert.equal(server.requests[1]!.range, undefined);
});

test('a file that changed on the server since the break is fetched anew', async () => {
  const old = Buffer.concat([Buffer.from('old'), bytes.subarray(3)]);
  const server = await serveArchive(bytes, [{ cutAfter: 500_000, bytes: old }]);
  const target = newTarget();
  await download([server.address], target, fast);
  arrived(target);
});

test('an interrupted download is continued by the next run', async () => {
  const server = await serveArchive(bytes, [{ stallAfter: 600_000 }]);
  const target = newTarget();
  await interruptAfterBytes(server.address, target);
  assert.equal(statSync(`${target}.part`).size, 600_000);
  assert.ok(!existsSync(target));
  await download([server.address], target, fast);
  arrived(target);
  assert.equal(server.requests[1]!.range, 'bytes=600000-');
});

test('a part that is whole already is only checked', async () => {
  const server = await serveArchive(bytes, [{ stallAfter: 600_000 }]);
  const target = newTarget();
  await interruptAfterBytes(server.address, target);
  writeFileSync(`${target}.part`, bytes);
  await download([server.address], target, fast);
  arrived(target);
  assert.equal(server.requests[1]!.range, 'bytes=1000000-');
});

test('a part of damaged bytes fails the checksum and is fetched anew, once', async () => {
  const server = await serveArchive(bytes, [{ stallAfter: 600_000 }]);
  const target = newTarget();
  await interruptAfterBytes(server.address, target);
  writeFileSync(`${target}.part`, Buffer.alloc(600_000));
  await download([server.address], target, fast);
  arrived(target);
});

test('a wrong checksum: refused, both MD5s named, nothing kept', async () => {
  const wrong = Buffer.from(bytes);
  wrong[500_000]! ^= 1;
  const server = await serveArchive(wrong);
  const target = newTarget();
  const found = createHash('md5').update(wrong).digest('hex');
  await assert.rejects(
    download([server.address], target, fast),
    refused(new RegExp(`MD5 ${found}, wanted ${md5}; it was removed`)),
  );
  assert.deepEqual(everythingIn(join(target, '..')), []);
});

for (const status of [404, 403, 410, 401]) {
  test(`${status}: refused at once, naming address, answer and remedy`, async () => {
    const server = await serveArchive(bytes, [], { status });
    const target = newTarget();
    await assert.rejects(
      download([server.address], target, fast),
      refused(new RegExp(`${server.address}: the server answered ${status} .*--url`)),
    );
    assert.equal(server.requests.length, 1);
    assert.ok(!existsSync(target));
  });
}

test('500, 503 and 429 are tried again', async () => {
  const server = await serveArchive(bytes, [
    { status: 500 },
    { status: 503, headers: { 'retry-after': '0' } },
    { status: 429 },
  ]);
  const target = newTarget();
  await download([server.address], target, fast);
  arrived(target);
  assert.equal(server.requests.length, 4);
});

test('a server that never gets well is given up after the attempts, with its last reason', async () => {
  const server = await serveArchive(bytes, [], { status: 503 });
  await assert.rejects(
    download([server.address], newTarget(), { ...fast, attempts: 3 }),
    refused(/the server answered 503 \(tried 3 times\)/),
  );
  assert.equal(server.requests.length, 3);
});

test('nobody there: the reason, after the attempts', async () => {
  const server = await serveArchive(bytes);
  await server.close();
  await assert.rejects(
    download([server.address], newTarget(), { ...fast, attempts: 2 }),
    refused(/ECONNREFUSED.*tried 2 times/),
  );
});

test('the next address is tried; where all fail, each is named with its reason', async () => {
  const missing = await serveArchive(bytes, [], { status: 404 });
  const good = await serveArchive(bytes);
  const target = newTarget();
  await download([missing.address, good.address], target, fast);
  arrived(target);
  const gone = await serveArchive(bytes, [], { status: 410 });
  await assert.rejects(
    download([missing.address, gone.address], newTarget(), fast),
    refused(new RegExp(`${missing.address}: the server answered 404[^]*${gone.address}: the server answered 410`)),
  );
});

test('what is no address is said at once, and not tried again', async () => {
  const begun = performance.now();
  await assert.rejects(
    download(['nonsense'], newTarget(), { ...fast, pause: 10_000 }),
    refused(/"nonsense" is no address: wanted is http:/),
  );
  assert.ok(performance.now() - begun < 5000);
});

test('a redirection is followed, a ring of them and another protocol are not', async () => {
  const good = await serveArchive(bytes);
  const moved = await serveArchive(bytes, [], { status: 302, headers: { location: good.address } });
  const target = newTarget();
  await download([moved.address], target, fast);
  arrived(target);
  const ring = await serveArchive(bytes, [], { status: 301, headers: { location: '/archive.tar.gz' } });
  await assert.rejects(download([ring.address], newTarget(), fast), refused(/more than 5 redirections/));
  const local = await serveArchive(bytes, [], { status: 302, headers: { location: 'file:///etc/passwd' } });
  await assert.rejects(download([local.address], newTarget(), fast), refused(/wanted an http or https address/));
});

test('bytes marked as encoded arrive as they lie on the server', async () => {
  const server = await serveArchive(bytes, [], { headers: { 'content-encoding': 'x-gzip' } });
  const target = newTarget();
  await download([server.address], target, fast);
  arrived(target);
});

test('a server that announces no length', async () => {
  const server = await serveArchive(bytes, [], { noLength: true });
  const target = newTarget();
  await download([server.address], target, fast);
  arrived(target);
});

test('too little space is said before anything is written', async () => {
  const server = await serveArchive(bytes);
  const target = newTarget();
  await assert.rejects(
    download([server.address], target, { ...fast, reserve: 1e18 }),
    refused(/GB free, and archive\.tar\.gz needs 1000000000\.00 GB more/),
  );
  assert.ok(!existsSync(`${target}.part`));
});
