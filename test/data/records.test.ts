import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkLabels, inCanonicalOrder, recordBytes, splitRecords, type RecordLayout } from '../../src/data/records.js';
import { UserError } from '../../src/errors.js';

const plain: RecordLayout = { headBytes: 1, height: 2, width: 2, classes: 3 };
const coarse: RecordLayout = { headBytes: 2, height: 2, width: 1, classes: 4, coarse: [1, 0, 1, 0] };

/** Records of a layout. Few different bytes, so that labels and beginnings of images often agree. */
const recordsOf = (layout: RecordLayout): fc.Arbitrary<Uint8Array[]> =>
  fc.array(
    fc
      .tuple(
        fc.integer({ min: 0, max: layout.classes - 1 }),
        fc.array(fc.constantFrom(0, 1, 127, 128, 255), {
          minLength: 3 * layout.height * layout.width,
          maxLength: 3 * layout.height * layout.width,
        }),
      )
      .map(([label, image]) => Uint8Array.from([...(layout.coarse ? [layout.coarse[label]!] : []), label, ...image])),
    { maxLength: 30 },
  );

const join = (records: readonly Uint8Array[]): Buffer => Buffer.concat(records);

for (const [name, layout] of [
  ['one label', plain],
  ['coarse and fine label', coarse],
] as const) {
  test(`canonical order, ${name}: by fine label, then by image bytes, whatever the order before`, () => {
    fc.assert(
      fc.property(recordsOf(layout), fc.infiniteStream(fc.nat()), (records, stream) => {
        const mixed = records
          .map((record) => ({ record, key: stream.next().value as number }))
          .sort((a, b) => a.key - b.key)
          .map(({ record }) => record);
        const expected = [...records].sort((a, b) =>
          Buffer.compare(a.subarray(layout.headBytes - 1), b.subarray(layout.headBytes - 1)),
        );
        assert.deepEqual(inCanonicalOrder(join(mixed), layout), join(expected));
      }),
    );
  });

  test(`records are taken apart and nothing is lost, ${name}`, () => {
    fc.assert(
      fc.property(recordsOf(layout), (records) => {
        checkLabels(join(records), layout, 'x.bin');
        const { labels, pixels } = splitRecords(join(records), layout);
        const image = recordBytes(layout) - layout.headBytes;
        records.forEach((record, i) => {
          assert.equal(labels[i], record[layout.headBytes - 1]);
          assert.deepEqual([...pixels.subarray(i * image, (i + 1) * image)], [...record.subarray(layout.headBytes)]);
        });
      }),
    );
  });
}

test('a label out of range is named by file and byte', () => {
  const records = new Uint8Array(3 * 13);
  records[2 * 13] = 3;
  assert.throws(
    () => {
      checkLabels(records, plain, 'data_batch_1.bin', 1300);
    },
    (error) =>
      error instanceof UserError &&
      error.message.startsWith('data_batch_1.bin: byte 1326 (label of record 2) is 3, wanted 0 to 2'),
  );
});

test('a coarse label that is not that of its fine label is named by file and byte', () => {
  const records = Uint8Array.from([1, 0, ...new Array<number>(6).fill(9), 1, 1, ...new Array<number>(6).fill(9)]);
  assert.throws(
    () => {
      checkLabels(records, coarse, 'train.bin');
    },
    (error) =>
      error instanceof UserError && error.message.startsWith('train.bin: byte 8 (coarse label of record 1) is 1'),
  );
});
