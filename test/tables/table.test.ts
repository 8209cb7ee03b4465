import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bundleOfTable, htmlOfTable, markdownOfTable, textOfTable, type Table } from '../../src/tables/table.js';

const table: Table = {
  caption: 'Two networks',
  columns: [{ title: 'Name' }, { title: 'Accuracy (%)', align: 'right' }],
  rows: [
    ['first', { text: '51.20', detail: '50.2–52.2', strong: true }],
    ['<b>a|b</b> & "c"', '7.00'],
  ],
  notes: ['On 10 images.'],
};

test('as text: columns of one width, numbers at the right', () => {
  const lines = textOfTable(table).split('\n');
  assert.deepEqual(lines, [
    'Two networks',
    'Name                   Accuracy (%)',
    '────────────────  ─────────────────',
    'first             51.20 (50.2–52.2)',
    '<b>a|b</b> & "c"               7.00',
    'On 10 images.',
  ]);
});

test('as Markdown: what has a meaning there is escaped', () => {
  assert.deepEqual(markdownOfTable(table).split('\n'), [
    '**Two networks**',
    '',
    '| Name | Accuracy (%) |',
    '| --- | ---: |',
    '| first | **51.20 (50.2–52.2)** |',
    '| \\<b\\>a\\|b\\</b\\> & "c" | 7.00 |',
    '',
    'On 10 images.',
  ]);
});

test('as HTML: text is only text, and nothing that a notebook would take out', () => {
  const html = htmlOfTable(table);
  assert.ok(html.includes('<td style="text-align:left">&#60;b&#62;a|b&#60;/b&#62; &#38; &#34;c&#34;</td>'), html);
  const tags = new Set([...html.matchAll(/<\/?([a-z]+)/g)].map(([, tag]) => tag));
  assert.deepEqual([...tags].sort(), ['b', 'br', 'p', 'small', 'table', 'tbody', 'td', 'th', 'thead', 'tr']);
});

test('a table without rows is its caption', () => {
  const bundle = bundleOfTable({ caption: 'nothing', columns: table.columns, rows: [] });
  assert.deepEqual(bundle, {
    'text/html': '<p><b>nothing</b></p>',
    'text/markdown': '**nothing**\n',
    'text/plain': 'nothing',
  });
});
