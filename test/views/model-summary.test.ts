import assert from 'node:assert/strict';
import { test } from 'node:test';
import { modelSummaryTable } from '../../src/views/model-summary.js';
import { textOfTable } from '../../src/tables/text.js';
import { createNetwork } from '../../src/models/network.js';

const number = (cell: unknown): number =>
  Number((typeof cell === 'string' ? cell : (cell as { text: string }).text).replaceAll(',', ''));

test('a summary: the layers add up to the network', () => {
  const network = createNetwork('resnet18');
  const table = modelSummaryTable(network);
  const layers = table.rows.slice(0, -1);
  const all = table.rows.at(-1)!;
  assert.equal(layers.length, network.layers.length);
  assert.equal(
    layers.reduce((sum, row) => sum + number(row[3]), 0),
    network.parameters,
  );
  assert.equal(number(all[3]), network.parameters);
  // ResNet-18 in its CIFAR form: 0.56 GMACs.
  assert.equal(Math.round(number(all[4]) / 1e7), 56);
  assert.match(
    table.caption!,
    /^resnet18: 10 classes, images of 32 × 32; 11\.17 M parameters, 555\.42 M multiply-adds/,
  );
  assert.match(textOfTable(table), /conv1 +3×3 convolution +32 × 32 × 64 +1,728 +1,769,472/);
});

test('what a network carries and does not compute with is told', () => {
  const network = createNetwork('wrn-34-10');
  const idle = network.variables
    .filter(({ used, role }) => !used && !role.startsWith('running'))
    .reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0);
  assert.ok(idle > 0, 'the TRADES form has such layers');
  assert.deepEqual(modelSummaryTable(network).notes, [
    `${idle.toLocaleString('en-GB')} parameters belong to layers that the network carries and does not compute with.`,
  ]);
});
