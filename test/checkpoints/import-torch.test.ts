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
import type { ImportOptions } from '../../src/checkpoints/import-torch.js';
import { restoreNetwork, stateDictOfWeights } from '../../src/checkpoints/network-checkpoint.js';
import { readSafetensors, writeSafetensors } from '../../src/checkpoints/safetensors.js';
import { float32Of } from '../../src/checkpoints/state-dict.js';
import { createNetwork } from '../../src/models/network.js';
import { createRng } from '../../src/random.js';
import { assertClose, oracleTensors } from '../oracle.js';
import { needsShared, sharedPath } from '../shared.js';
import { withFlippedBit } from './arbitrary.js';
import { readTorch } from './read-torch.js';
import { bytesOf, dict, floats, pickle, tensor as tensorPickle, torchZip } from './torch-builder.js';

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

/** How a file of the fixture's network is put together: the names in it, and what lies around the state dict. */
interface Wrapping {
  readonly rename?: (name: string) => string | undefined;
  readonly more?: Readonly<Record<string, readonly [readonly number[], readonly number[]]>>;
  readonly around?: (stateDict: Uint8Array) => Uint8Array;
}

/** The fixture's network in another file, as programs that wrap it save it. */
const wrapped = async (name: string, { rename = (own) => own, more = {}, around = (own) => own }: Wrapping) => {
  const all = [...(await readTorch(source))]
    .filter(([, { dtype }]) => dtype === 'float32')
    .map(([own, tensor]) => [rename(own), tensor.shape, [...float32Of(tensor)]] as const)
    .filter((entry): entry is [string, readonly number[], number[]] => entry[0] !== undefined);
  all.push(
    ...Object.entries(more).map(
      ([own, [shape, values]]) => [own, shape, [...values]] as [string, readonly number[], number[]],
    ),
  );
  const values = all.flatMap(([, , of]) => of);
  let offset = 0;
  const entries = all.map(([own, shape, of]) => {
    const entry = [own, tensorPickle(shape, { size: values.length, offset })] as const;
    offset += of.length;
    return entry;
  });
  const path = inFolder(name);
  await writeFile(path, torchZip(pickle(around(dict(...entries))), { 0: floats(...values) }));
  return path;
};

/** What an import is refused with, and that the same import with the flags named there gives the fixture's logits. */
const mended = async (file: string, message: RegExp, remedy: Partial<ImportOptions>): Promise<void> => {
  const out = inFolder('mended.safetensors');
  await assert.rejects(importTorch(file, { ...options, out }), (error) => {
    assert.ok(error instanceof UserError);
    assert.match(error.message, message);
    assert.ok(error.message.split('\n').length <= 12, error.message);
    return true;
  });
  await importTorch(file, { ...options, ...remedy, out });
  assertClose(await logitsOf(out, exampleImages), logits.flat(), 1e-5, 'logits');
};

test('names behind a prefix: it is named, can be given as printed or as it is in the file, and the rest is passed over', async () => {
  const parallel = await wrapped('parallel.pt', {
    rename: (name) => `module.basic_net.${name}`,
    around: (own) => dict(['net', own], ['epoch', 'K\x05']),
  });
  const message = /does not fit [^\n]*: names in it begin with 'basic_net\.'\.\nGive that: --prefix basic_net\.$/;
  for (const prefix of ['basic_net.', 'basic_net', 'module.basic_net.']) await mended(parallel, message, { prefix });
  const sequential = await wrapped('sequential.pt', {
    rename: (name) => `1.${name}`,
    more: {
      '0.mean': [
        [1, 3, 1, 1],
        [0.5, 0.4, 0.3],
      ],
      '0.std': [
        [1, 3, 1, 1],
        [0.2, 0.3, 0.25],
      ],
    },
  });
  await mended(sequential, /begin with '1\.' \(not 0\.mean, 0\.std\)\.\nGive that: --prefix 1\.$/, { prefix: '1.' });
  const out = inFolder('normalised.safetensors');
  await assert.rejects(
    importTorch(sequential, { ...options, normalisation: undefined, out }),
    /\(not 0\.mean, 0\.std; 0\.mean and 0\.std seem to be its normalisation\)\.\nGive that: --prefix 1\. --mean 0\.5,0\.4,0\.3 --std 0\.2,0\.3,0\.25$/,
  );
  const report = await importTorch(sequential, { ...options, normalisation: undefined, prefix: '1', out });
  assert.deepEqual([report.outside, report.normalisationInFile?.std], [['0.mean', '0.std'], normalisation.std]);
  await assert.rejects(
    importTorch(sequential, { ...options, prefix: '2', out }),
    /no tensor whose name begins with '2\.'\. They begin with '1\.', '0\.'\./,
  );
  await assert.rejects(
    importTorch(sequential, { ...options, classes: 10, out }),
    /Behind that, 35 of its 37 tensors fit:\n {2}mis-shaped \(2\)/,
  );
});

test('a surplus alone names the flag that accepts it, and the normalisation that it seems to be', async () => {
  const file = await wrapped('mu-sigma.pt', {
    more: {
      mu: [
        [1, 3, 1, 1],
        [0.5, 0.4, 0.3],
      ],
      sigma: [[3], [0.2, 0.3, 0.25]],
    },
  });
  await mended(file, /\n {4}mu \[1, 3, 1, 1\]\n {4}sigma \[3\]\nTo pass over what is more: --allow-surplus$/, {
    allowSurplus: true,
  });
  await assert.rejects(
    importTorch(file, { ...options, normalisation: undefined, out: inFolder('x') }),
    /mu and sigma seem to be its normalisation:[^]*more: --mean 0\.5,0\.4,0\.3 --std 0\.2,0\.3,0\.25 --allow-surplus$/,
  );
  const more = await wrapped('deeper.pt', { more: { 'layer1.1.conv1.weight': [[1], [1]] } });
  await assert.rejects(importTorch(more, { ...options, out: inFolder('x') }), /of a deeper network: --arch/);
});

test('state dicts in dicts and lists of any names: a single one is found, of several each can be named as it is printed', async () => {
  const out = inFolder('nested.safetensors');
  const odd = await wrapped('odd.pt', {
    around: (own) => dict(['teacher', dict(['weights.v2', own])], ['epoch', 'K\x05']),
  });
  assert.deepEqual((await importTorch(odd, { ...options, out })).path, ['teacher', 'weights.v2']);
  for (const key of ['teacher', 'teacher.weights.v2'])
    assert.deepEqual((await importTorch(odd, { ...options, key, out })).path, ['teacher', 'weights.v2']);
  await assert.rejects(
    importTorch(odd, { ...options, key: 'student', out }),
    /nothing under 'student'\. It has state dicts under 'teacher\.weights\.v2' \(37 tensors\)/,
  );
  await assert.rejects(
    importTorch(odd, { ...options, key: 'epoch', out }),
    /no state dict under 'epoch'\. It has state dicts under 'teacher\.weights\.v2'/,
  );
  const usual = await wrapped('usual.pt', { around: (own) => dict(['model', dict(['state_dict', own])]) });
  for (const key of [undefined, 'model', 'model.state_dict'])
    assert.deepEqual((await importTorch(usual, { ...options, key, out })).path, ['model', 'state_dict']);
  const listed = await wrapped('listed.pt', {
    around: (own) => dict(['state_dict', bytesOf('](', own, 'q\x05h\x05e')]),
  });
  // The same dict twice is one.
  assert.deepEqual((await importTorch(listed, { ...options, out })).path, ['state_dict', '0']);
  const two = await wrapped('two.pt', {
    around: (own) => dict(['state_dict', bytesOf('](', own, own, 'e')], ['err', 'K\x01']),
  });
  await mended(
    two,
    /2 state dicts: 'state_dict\.0' \(37 tensors\), 'state_dict\.1' \(37 tensors\)\. Name one: --key state_dict\.0\.$/,
    {
      key: 'state_dict.0',
    },
  );
  await importTorch(two, { ...options, key: 'state_dict.1', out });
});

test('a checkpoint without the block that a WRN never computes with is imported, restored and exported without it', async () => {
  const network = createNetwork('wrn-10-1', { classes: 4, width: 0.25 });
  const weights = network.initialise(createRng(3));
  const values = Object.fromEntries(
    Object.entries(weights).map(([name, tensor]) => [name, tensor.dataSync() as Float32Array]),
  );
  const whole = stateDictOfWeights(network, values);
  const part = new Map([...whole].filter(([name]) => !name.startsWith('sub_block1.')));
  assert.ok(part.size < whole.size);
  const wrn = { architecture: 'wrn-10-1', classes: 4, width: 0.25 };
  await writeSafetensors(inFolder('part.st'), part);
  const out = inFolder('part.safetensors');
  const { match } = await importTorch(inFolder('part.st'), { ...wrn, out });
  assert.equal(match.spared.length, whole.size - part.size);
  assert.equal((await loadCheckpoint(out)).tensors.size, part.size);
  const expected = tf.tidy(() => network.evaluate(network.fold(weights), exampleImages()).dataSync() as Float32Array);
  assertClose(await logitsOf(out, exampleImages), expected, 1e-6, 'logits');
  const exported = await exportTorch(out, { out: inFolder('part.torch.safetensors') });
  assert.deepEqual(
    [...exported.tensors.keys()].filter((name) => !name.endsWith('.num_batches_tracked')),
    [...part.keys()],
  );
  // A part of it is not what anybody publishes.
  part.set('sub_block1.layer.0.bn1.weight', whole.get('sub_block1.layer.0.bn1.weight')!);
  await writeSafetensors(inFolder('part.st'), part);
  await assert.rejects(importTorch(inFolder('part.st'), { ...wrn, out }), /missing \(\d+\):\n {4}sub_block1\./);
  tf.dispose(weights);
});

const cases: readonly (readonly [string, string, Partial<ImportOptions>])[] = [
  ['F08-wrn-without-sub_block1.pt', 'wrn-16-1', {}],
  ['F10-featurescatter-dp.pt', 'cifar-resnet-8-a', { prefix: 'basic_net.' }],
  ['F10-list.pt', 'cifar-resnet-8-a', { key: 'state_dict.1' }],
  ['F10-mu-sigma.pt', 'cifar-resnet-8-a', { allowSurplus: true }],
  ['F10-nested.pt', 'cifar-resnet-8-a', { key: 'model.state_dict' }],
  ['F10-nested-odd.pt', 'cifar-resnet-8-a', { key: 'teacher.weights' }],
  ['F10-sequential.pt', 'cifar-resnet-8-a', { prefix: '1.' }],
];
for (const [file, architecture, remedy] of cases)
  test(`${file} is imported`, { skip: needsShared('cases', file) }, async () => {
    const report = await importTorch(sharedPath('cases', file), {
      ...remedy,
      architecture,
      out: inFolder('case.safetensors'),
    });
    assert.equal(report.match.missing.length, 0);
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
