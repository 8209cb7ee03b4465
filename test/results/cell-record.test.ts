import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { repositoryRoot } from '../../src/setup/places.mjs';
import { UserError } from '../../src/errors.js';
import { readCellRecord } from '../../src/results/cell-record.js';
import { createRng } from '../../src/random.js';
import { temporaryFolder } from '../temporary.js';

const committed = join(repositoryRoot, 'results', 'students', 'records');
const folder = temporaryFolder();

type Json = Record<string, unknown>;
const texts = readdirSync(committed).map((file) => readFileSync(join(committed, file), 'utf8'));
const training = texts.find((text) => (JSON.parse(text) as Json)['training'] !== null)!;
const evaluation = texts.find((text) => (JSON.parse(text) as Json)['evaluation'] !== null)!;

const read = (text: string) => {
  const file = join(folder, 'record.json');
  writeFileSync(file, text);
  return readCellRecord(file);
};

/** Every value of a record, by the way that leads to it. */
const placesIn = (value: unknown, at: readonly string[] = []): string[][] =>
  typeof value === 'object' && value !== null
    ? Object.entries(value).flatMap(([name, part]) => [[...at, name], ...placesIn(part, [...at, name])])
    : [];

const parentOf = (record: unknown, path: readonly string[]): Json =>
  path.slice(0, -1).reduce((value, name) => value[name] as Json, record as Json);

test('a record that lacks a value, or has another of another type, is refused: never is a part taken on trust', async () => {
  for (const text of [training, evaluation]) {
    await read(text);
    const places = placesIn(JSON.parse(text));
    const rng = createRng(1);
    // What may be absent is refused as another type all the same.
    for (let i = 0; i < 60; i++) {
      const path = places[rng.integer(places.length)]!;
      const changed: unknown = JSON.parse(text);
      parentOf(changed, path)[path.at(-1)!] = { nothing: 'like it' };
      await assert.rejects(read(JSON.stringify(changed)), UserError, path.join('.'));
    }
    for (const name of Object.keys(JSON.parse(text) as Json)) {
      const rest = JSON.parse(text) as Json;
      Reflect.deleteProperty(rest, name);
      await assert.rejects(read(JSON.stringify(rest)), UserError, name);
    }
  }
});

test('a record holds what a cell of its kind gives, of the cell that its id names', async () => {
  const [trained, evaluated] = [training, evaluation].map((text) => JSON.parse(text) as Json) as [Json, Json];
  await assert.rejects(read(JSON.stringify({ ...evaluated, evaluation: null })), /it holds not what such a cell gives/);
  await assert.rejects(read(JSON.stringify({ ...trained, training: null })), /it holds not what such a cell gives/);
  await assert.rejects(read(JSON.stringify({ ...trained, evaluation: evaluated['evaluation'] })), UserError);
  await assert.rejects(read(JSON.stringify({ ...trained, cell: evaluated['cell'] })), UserError);
  await assert.rejects(read('[]'), UserError);
  await assert.rejects(read('{'), /can't be read as a record/);
});
