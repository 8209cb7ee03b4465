import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import { execa } from 'execa';
import fc from 'fast-check';
import '../../src/engine/backend.js';
import { UserError } from '../../src/errors.js';
import { loadCheckpoint } from '../../src/checkpoints/checkpoint.js';
import { exportTorch } from '../../src/checkpoints/export-torch.js';
import { importTorch, MismatchError } from '../../src/checkpoints/import-torch.js';
import { restoreNetwork } from '../../src/checkpoints/network-checkpoint.js';
import { readSafetensors, writeSafetensors } from '../../src/checkpoints/safetensors.js';
import { assertClose, oracleTensors } from '../oracle.js';
import { needsShared, sharedPath } from '../shared.js';
import { withFlippedBit } from './arbitrary.js';

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/torch/${name}`, import.meta.url));
const source = fixture('cifar-resnet-8-a.th');
const normalisation = { mean: [0.5, 0.4, 0.3], std: [0.2, 0.3, 0.25] } as const;
const options = { architecture: 'cifar-resnet-8-a', classes: 4, width: 0.125, normalisation };
const { logits } = JSON.parse(await readFile(fixture('cifar-resnet-8-a.json'), 'utf8')) as { logits: number[][] };

const folder = await mkdtemp(join(tmpdir(), 'ciard-'));
after(() => rm(folder, { recursive: true }));
const inFolder = (name: string): string => join(folder, name);

/** The logits of a checkpoint for images [B, H, W, 3]. */
const logitsOf = async (path: string, images: () => tf.Tensor4D): Promise<Float32Array> => {
  const { network, weights } = restoreNetwork(await loadCheckpoint(path));
  const values = tf.tidy(() => network.evaluate(network.fold(weights), images()).dataSync() as Float32Array);
  tf.dispose(weights);
  return values;
};

/** The input of the fixture, as load_exported.py makes it. */
const exampleImages = (): tf.Tensor4D =>
  tf.transpose(
    tf.tensor4d(
      Float32Array.from({ length: 2 * 3 * 32 * 32 }, (_, i) => ((i * 37) % 251) / 256),
      [2, 3, 32, 32],
    ),
    [0, 2, 3, 1],
  );

test('an imported network gives the logits that PyTorch gives, with its normalisation inside', async () => {
  const out = inFolder('net.safetensors');
  const report = await importTorch(source, { ...options, out, dataset: 'cifar10' });
  assert.deepEqual([report.format, report.path, report.out], ['zip', ['state_dict'], out]);
  assert.equal(report.match.ignored.length, 7, 'a counter for each batch norm');
  const { info, tensors } = await loadCheckpoint(out);
  const sha256 = createHash('sha256')
    .update(await readFile(source))
    .digest('hex');
  assert.deepEqual(info, {
    architecture: 'cifar-resnet-8-a',
    classes: 4,
    width: 0.125,
    imageSize: 32,
    ...normalisation,
    dataset: 'cifar10',
    source: { file: 'cifar-resnet-8-a.th', sha256 },
  });
  assert.equal(tensors.size, 37);
  assertClose(await logitsOf(out, exampleImages), logits.flat(), 1e-5, 'logits');
});

test('what does not fit is named, the classes are guessed, and nothing is written', async () => {
  const before = await readdir(folder);
  const refuses = (more: object, message: RegExp, file = source): Promise<void> =>
    assert.rejects(
      importTorch(file, { ...options, ...more, out: inFolder('refused.safetensors') }),
      (error) => error instanceof UserError && message.test(error.message),
      message.source,
    );
  await refuses(
    { classes: 10 },
    /2\):\n {4}linear\.weight \[4, 8\], wanted \[10, 8\]\n {4}linear\.bias \[4\], wanted \[10\]\nIt has 4 classes: --classes 4\./,
  );
  await refuses({ width: 0.25 }, /with 4 classes and width 0\.25 \(1 of its 37 tensors fit\)[^]*mis-shaped \(36\)/);
  await refuses({ architecture: 'cifar-resnet-14-a' }, /missing \(30\):\n {4}layer1\.1\.conv1\.weight \[2, 2, 3, 3\]/);
  await refuses({ architecture: 'lenet' }, /lenet/);
  await refuses({}, /surplus \(1\):\n {4}normalize\.mean \[3\]/, fixture('cifar-resnet-8-a-surplus.th'));
  await refuses({}, /not finite in linear\.bias \(1\)/, fixture('cifar-resnet-8-a-damaged.th'));
  await refuses({}, /"posix\.system"/, fixture('hostile-system.pt'));
  await refuses({}, /can't be read/, inFolder('absent.pt'));
  assert.deepEqual(await readdir(folder), before);
  await assert.rejects(
    importTorch(source, { ...options, classes: 10, out: inFolder('x') }),
    (error) => error instanceof MismatchError && error.report.match.misshaped.length === 2,
  );
});

test('surplus tensors are passed over where that is asked for', async () => {
  const out = inFolder('surplus.safetensors');
  const report = await importTorch(fixture('cifar-resnet-8-a-surplus.th'), { ...options, out, allowSurplus: true });
  assert.deepEqual(report.match.surplus, [{ name: 'normalize.mean', shape: [3] }]);
  assert.equal((await loadCheckpoint(out)).tensors.size, 37);
});

test('a file is not imported onto itself', async () => {
  await assert.rejects(importTorch(source, { ...options, out: source }), /the file to import itself/);
});

test('damaged files are refused and nothing is written, or read as what they were', { timeout: 120_000 }, async () => {
  const whole = await readFile(source);
  const sound = inFolder('sound.safetensors');
  await importTorch(source, { ...options, out: sound });
  const damaged = inFolder('damaged.th');
  const out = inFolder('from-damaged.safetensors');
  const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  await fc.assert(
    fc.asyncProperty(place, fc.boolean(), async (at, cut) => {
      await writeFile(damaged, cut ? whole.subarray(0, Math.floor(at * whole.length)) : withFlippedBit(whole, at));
      try {
        await importTorch(damaged, { ...options, out });
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        assert.ok(!(await readdir(folder)).some((name) => name.includes('from-damaged')));
        return;
      }
      assert.ok(!cut);
      assert.deepEqual((await readSafetensors(out)).tensors, (await readSafetensors(sound)).tensors);
      await rm(out);
    }),
    { numRuns: 150 },
  );
});

test('what is exported is what was imported, with the counters of batch norm that PyTorch lists', async () => {
  const path = inFolder('exported-from.safetensors');
  await importTorch(source, { ...options, out: path });
  const out = inFolder('exported.safetensors');
  const report = await exportTorch(path, { out });
  assert.deepEqual(report.leftOut, []);
  const { tensors } = await readSafetensors(out);
  assert.equal(tensors.size, 37 + 7);
  assert.deepEqual([...tensors.keys()].slice(1, 7), [
    'bn1.weight',
    'bn1.bias',
    'bn1.running_mean',
    'bn1.running_var',
    'bn1.num_batches_tracked',
    'layer1.0.conv1.weight',
  ]);
  assert.deepEqual(tensors.get('bn1.num_batches_tracked'), { dtype: 'int64', shape: [], data: BigInt64Array.of(0n) });
  // And back: an exported file is a state dict, and its own record is still in it.
  const again = inFolder('again.safetensors');
  await importTorch(out, { ...options, out: again });
  assert.deepEqual((await readSafetensors(again)).tensors, (await readSafetensors(path)).tensors);
  assert.deepEqual((await loadCheckpoint(out)).info, (await loadCheckpoint(path)).info);
});

test("tensors that are not the network's stay out of an export; without one of its own there is none", async () => {
  const path = inFolder('with-optimiser.safetensors');
  await importTorch(source, { ...options, out: path });
  const { tensors, metadata } = await readSafetensors(path);
  const more = new Map([...tensors, ['momentum/linear.bias', tensors.get('linear.bias')!]]);
  await writeSafetensors(path, more, metadata);
  const out = inFolder('without-optimiser.safetensors');
  assert.deepEqual((await exportTorch(path, { out })).leftOut, ['momentum/linear.bias']);
  assert.ok(!(await readSafetensors(out)).tensors.has('momentum/linear.bias'));
  more.delete('linear.weight');
  await writeSafetensors(path, more, metadata);
  await assert.rejects(
    exportTorch(path, { out: inFolder('none.safetensors') }),
    /missing \(1\):\n {4}linear\.weight \[4, 8\]/,
  );
  await assert.rejects(exportTorch(path, { out: path }), /the checkpoint itself/);
  assert.ok(!(await readdir(folder)).includes('none.safetensors'));
});

const python = process.env['CIARD_PYTHON_WITH_TORCH'];

test(
  "PyTorch's load_state_dict(strict=True) takes what is exported, and gives the same logits",
  { skip: python ? false : 'needs a Python that has torch (its path in CIARD_PYTHON_WITH_TORCH)' },
  async () => {
    const path = inFolder('for-torch.safetensors');
    await importTorch(source, { ...options, out: path });
    await exportTorch(path, { out: inFolder('torch.safetensors') });
    const script = fileURLToPath(new URL('../fixtures/load_exported.py', import.meta.url));
    const { stdout } = await execa(python!, [
      '-B',
      '-W',
      'ignore',
      script,
      inFolder('torch.safetensors'),
      '8',
      '0.125',
      '4',
    ]);
    assertClose((JSON.parse(stdout) as number[][]).flat(), logits.flat(), 1e-6, 'logits');
  },
);

const publishedNetworks = [
  {
    file: 'akamaster-resnet20-12fca82f.th',
    architecture: 'cifar-resnet-20-a',
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
  },
  {
    file: 'vnncomp2021-resnet4b.pth',
    architecture: 'vnncomp-resnet4b',
    mean: [0.4914, 0.4822, 0.4465],
    std: [0.2471, 0.2435, 0.2616],
  },
] as const;

test(
  'published networks give the logits that the published code computed, on 256 real images',
  { skip: needsShared('checkpoints') || needsShared('data', 'unpack.mjs') },
  async () => {
    await execa(process.execPath, [sharedPath('data', 'unpack.mjs'), 'cifar10', folder]);
    const records = await readFile(inFolder('test.bin'));
    const images = (): tf.Tensor4D =>
      tf.tidy(() => {
        const pixels = Float32Array.from(
          { length: 256 * 3072 },
          (_, i) => records[Math.floor(i / 3072) * 39 * 3073 + 1 + (i % 3072)]! / 255,
        );
        return tf.transpose(tf.tensor4d(pixels, [256, 3, 32, 32]), [0, 2, 3, 1]);
      });
    const expected = oracleTensors('attacks');
    for (const { file, architecture, mean, std } of publishedNetworks) {
      const out = inFolder(`${file}.safetensors`);
      await importTorch(sharedPath('checkpoints', file), { architecture, normalisation: { mean, std }, out });
      assertClose(await logitsOf(out, images), expected(`${file}/logits`).values, 1e-4, file);
    }
  },
);
