import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { standInFor } from '../src/stand-in.js';

const of = (text: string): string | undefined => standInFor(Buffer.from(text));
const fixture = (name: string): Buffer => readFileSync(new URL(`fixtures/stand-ins/${name}`, import.meta.url));

test('a web page is told by its beginning, and its title is named', () => {
  assert.match(standInFor(fixture('web-page.pt'))!, /it is a web page \("Google Drive - Virus scan warning"\), saved/);
  assert.match(of('\ufeff\n  <HTML lang="en">')!, /it is a web page, saved/);
  assert.match(of('<?xml version="1.0"?><Error><Code>AccessDenied</Code>')!, /it is a web page/);
});

test('a pointer of Git LFS is told, with the size of what it points to', () => {
  assert.match(
    standInFor(fixture('git-lfs-pointer.pt'))!,
    /it is a pointer of Git LFS to a file of 1074564123 bytes, not the file\. In its repository: git lfs pull/,
  );
});

test('nothing is told, and of other files nothing is said', () => {
  assert.match(of('')!, /it is empty/);
  for (const text of ['PK\x03\x04', '\x80\x02', '<', 'version 1', 'hello', '\x1f\x8b', ' '.repeat(2000)])
    assert.equal(of(text), undefined);
});
