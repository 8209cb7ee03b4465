import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { visitMembers, type Member, type VisitOptions } from '../../src/data/members.js';
import { InterruptedError, UserError } from '../../src/errors.js';
import { tarOf, zipOf, type TarMember, type ZipMember } from './build-archives.js';
import { everythingIn, temporaryFolder } from '../temporary.js';

const folder = temporaryFolder();
let made = 0;
const fileOf = (bytes: Uint8Array): string => {
  const path = join(folder, `archive-${made++}`);
  writeFileSync(path, bytes);
  return path;
};

const visited = async (path: string, options: Partial<VisitOptions> = {}): Promise<Member[]> => {
  const members: Member[] = [];
  await visitMembers(
    path,
    {
      wanted: (inside) => inside.endsWith('.bin'),
      largest: 10_000,
      total: 100_000,
      folder: { name: 'official', depth: 2 },
      ...options,
    },
    (member) => {
      members.push(member);
    },
  );
  return members;
};

const summary = (members: readonly Member[]) =>
  members.map(({ path, contents }) => [path, contents.toString('hex')]).sort(([a], [b]) => (a! < b! ? -1 : 1));

const contents = fc.uint8Array({ maxLength: 3000 });
const someMembers = fc.uniqueArray(
  fc.record({ path: fc.stringMatching(/^[a-z]{1,8}(\/[a-z]{1,8})?\.(bin|txt)$/), contents }),
  {
    maxLength: 8,
    selector: ({ path }) => path,
  },
);

test('tar, tar.gz and zip give the same wanted files', async () => {
  await fc.assert(
    fc.asyncProperty(someMembers, fc.boolean(), async (members, deflate) => {
      const expected = summary(
        members
          .filter(({ path }) => path.endsWith('.bin'))
          .map((member) => ({ path: member.path, contents: Buffer.from(member.contents) }) as Member),
      );
      const tar = tarOf([
        { path: 'd/', type: 'Directory' },
        ...members.map(({ path, contents: of }) => ({ path: `./${path}`, contents: of })),
      ]);
      assert.deepEqual(summary(await visited(fileOf(tar))), expected);
      assert.deepEqual(summary(await visited(fileOf(gzipSync(tar)))), expected);
      assert.deepEqual(
        summary(
          await visited(fileOf(zipOf([{ path: 'd/', mode: 0o40755 }, ...members.map((m) => ({ ...m, deflate }))]))),
        ),
        expected,
      );
    }),
    { numRuns: 60 },
  );
});

test('a folder, itself or the one around it; links in it are followed', async () => {
  const around = join(folder, 'around');
  mkdirSync(join(around, 'official', 'deep'), { recursive: true });
  writeFileSync(join(around, 'official', 'a.bin'), 'a');
  writeFileSync(join(around, 'official', 'deep', 'b.bin'), 'b');
  writeFileSync(join(around, 'c.bin'), 'c');
  symlinkSync(join(around, 'c.bin'), join(around, 'official', 'c.bin'));
  const paths = async (of: string): Promise<string[]> => (await visited(of)).map(({ path }) => path);
  assert.deepEqual(await paths(around), ['a.bin', 'c.bin', 'deep/b.bin']);
  assert.deepEqual(await paths(join(around, 'official')), ['a.bin', 'c.bin', 'deep/b.bin']);
});

test('what lies in place of an archive is named, and what is neither file nor folder is not opened', async () => {
  for (const [name, pattern] of [
    ['web-page.pt', /is no archive: it is a web page \("Google Drive/],
    ['git-lfs-pointer.pt', /is no archive: it is a pointer of Git LFS/],
  ] as const)
    await assert.rejects(
      visited(fileURLToPath(new URL(`../fixtures/stand-ins/${name}`, import.meta.url))),
      (error) => error instanceof UserError && pattern.test(error.message),
    );
  await assert.rejects(visited(fileOf(Buffer.alloc(0))), /is no archive: it is empty/);
  await assert.rejects(visited(fileOf(Buffer.from('hello'))), /of 5 bytes begins with 68656c6c6f$/);
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  await assert.rejects(visited(pipe), /pipe is neither a file nor a folder/);
});

test('a compression inside of an archive is not undone', async () => {
  // The magic bytes of zstd and gzip where a tar header should be.
  for (const magic of ['28b52ffd', '1f8b0800'])
    await assert.rejects(
      visited(fileOf(gzipSync(Buffer.concat([Buffer.from(magic, 'hex'), Buffer.alloc(2000)])))),
      (error) => error instanceof UserError && /no sound tar archive|gzip file inside/.test(error.message),
    );
});

const one = { path: 'a.bin', contents: Buffer.from('one') };
const hostileTars: readonly [string, readonly TarMember[], RegExp][] = [
  ['a path above', [{ path: '../x.bin' }], /"\.\.\/x\.bin" points outside the archive/],
  ['a path above, inside', [{ path: 'a/../../x.txt' }], /points outside the archive/],
  ['an absolute path', [{ path: '/etc/x.bin' }], /points outside the archive/],
  ['a drive', [{ path: 'C:/x.bin' }], /points outside the archive/],
  ['a symbolic link', [{ path: 'a.bin', type: 'SymbolicLink', linkpath: '/etc/passwd' }], /a\.bin is a SymbolicLink/],
  ['a hard link', [one, { path: 'b.txt', type: 'Link', linkpath: 'a.bin' }], /b\.txt is a Link/],
  ['a pipe', [{ path: 'a', type: 'FIFO' }], /a is a FIFO/],
  ['a device', [{ path: 'a', type: 'CharacterDevice' }], /a is a CharacterDevice/],
  ['a member twice', [one, one], /"a\.bin" is there twice/],
  ['a member twice, once with a dot', [one, { ...one, path: './a.bin' }], /is there twice/],
  [
    'a giant member',
    [{ path: 'a.bin', contents: Buffer.alloc(10_001) }],
    /a\.bin: 10001 bytes, and no file of this data set has more/,
  ],
  ['a giant that is not there', [{ path: 'a.bin', statedSize: 8e9 }], /8000000000 bytes, and no file/],
  ['a giant nobody wants', [{ path: 'a.txt', statedSize: 8e9 }], /8000000000 bytes, and no file/],
];
for (const [what, members, pattern] of hostileTars) {
  test(`hostile tar: ${what} is refused`, async () => {
    const tar = tarOf(members);
    for (const bytes of [tar, gzipSync(tar)]) {
      await assert.rejects(
        visited(fileOf(bytes)),
        (error) => error instanceof UserError && pattern.test(error.message),
      );
    }
  });
}

const hostileZips: readonly [string, readonly ZipMember[], RegExp][] = [
  ['a path above', [{ path: '../x.bin' }], /invalid relative path/],
  ['an absolute path', [{ path: '/etc/x.bin' }], /absolute path/],
  ['a symbolic link', [{ ...one, mode: 0o120777 }], /a\.bin is a link or a device/],
  ['a member twice', [one, one], /"a\.bin" is there twice/],
  ['a giant member', [{ path: 'a.bin', contents: Buffer.alloc(10_001), deflate: true }], /10001 bytes, and no file/],
  [
    'more than it states',
    [{ path: 'a.bin', contents: Buffer.alloc(9000), deflate: true, statedSize: 10 }],
    /truncated or corrupt/,
  ],
  [
    'less than it states',
    [{ path: 'a.bin', contents: Buffer.alloc(10), deflate: true, statedSize: 9000 }],
    /truncated or corrupt/,
  ],
  ['a wrong checksum', [{ ...one, statedCrc: 1 }], /a\.bin \(at byte 0 of the archive\) is corrupt: its checksum/],
];
for (const [what, members, pattern] of hostileZips) {
  test(`hostile zip: ${what} is refused`, async () => {
    await assert.rejects(
      visited(fileOf(zipOf(members))),
      (error) => error instanceof UserError && pattern.test(error.message),
    );
  });
}

test('a small archive that grows beyond what the data set holds is refused before it is whole', async () => {
  const bomb = gzipSync(Buffer.alloc(50_000_000));
  await assert.rejects(visited(fileOf(Buffer.concat([gzipSync(tarOf([one]).subarray(0, 1024)), bomb]))), UserError);
  const many = tarOf(Array.from({ length: 200 }, (_, i) => ({ path: `${i}.bin`, contents: Buffer.alloc(1000) })));
  await assert.rejects(visited(fileOf(gzipSync(many))), /more than 100000 bytes once decompressed/);
  await assert.rejects(
    visited(fileOf(zipOf(Array.from({ length: 200 }, (_, i) => ({ path: `${i}.bin`, contents: Buffer.alloc(1000) }))))),
    /more than 100000 bytes/,
  );
  await assert.rejects(visited(fileOf(gzipSync(gzipSync(tarOf([one]))))), /a gzip file inside a gzip file/);
});

test('truncated and flipped archives: refused or read, never a crash, a hang or a file', async () => {
  const members = [
    { path: 'a.bin', contents: Buffer.from('first file '.repeat(80)) },
    { path: 'b.txt', contents: Buffer.from('unwanted '.repeat(80)) },
    { path: 'c.bin', contents: Buffer.from('last file '.repeat(80)) },
  ];
  const sources = [
    tarOf(members),
    gzipSync(tarOf(members)),
    zipOf(members),
    zipOf(members.map((member) => ({ ...member, deflate: true }))),
  ];
  const before = everythingIn(folder).length;
  const madeBefore = made;
  let refusals = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...sources.keys()),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      fc.integer({ min: 1, max: 255 }),
      fc.boolean(),
      async (which, place, flip, truncate) => {
        const source = sources[which]!;
        const at = Math.floor(place * source.length);
        const broken = Buffer.from(truncate ? source.subarray(0, at) : source);
        if (!truncate) broken[at]! ^= flip;
        const path = fileOf(broken);
        try {
          await visited(path);
        } catch (error) {
          assert.ok(error instanceof UserError, `${String(error)} (${String((error as Error).stack)})`);
          refusals++;
        }
      },
    ),
    { numRuns: 600 },
  );
  assert.ok(refusals > 200, `${refusals} of 600 refused`);
  // Nothing but the archives themselves, which this test wrote.
  assert.equal(everythingIn(folder).length, before + made - madeBefore);
});

test('zip contents are never wrong: a flipped byte of a file is refused', async () => {
  const of = Buffer.from('some bytes that matter '.repeat(40));
  for (const deflate of [false, true]) {
    const source = zipOf([{ path: 'a.bin', contents: of, deflate }]);
    for (let at = 0; at < source.length; at += 7) {
      const broken = Buffer.from(source);
      broken[at]! ^= 0x10;
      const members = await visited(fileOf(broken)).catch((error: unknown) => {
        assert.ok(error instanceof UserError, String(error));
        return [];
      });
      for (const member of members) assert.deepEqual(member.contents, of);
    }
  }
});

test('what a visit throws ends the reading', async () => {
  for (const bytes of [tarOf([one]), zipOf([one])]) {
    await assert.rejects(
      visitMembers(
        fileOf(bytes),
        { wanted: () => true, largest: 10, total: 10_000, folder: { name: 'x', depth: 1 } },
        () => {
          throw new UserError('no');
        },
      ),
      /^UserError: no$/,
    );
  }
});

test('an interruption ends the reading', async () => {
  const signal = AbortSignal.abort();
  await assert.rejects(visited(fileOf(gzipSync(tarOf([one]))), { signal }), InterruptedError);
  await assert.rejects(visited(join(folder, 'around'), { signal }), InterruptedError);
});
