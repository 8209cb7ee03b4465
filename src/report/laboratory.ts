import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { createTarget } from '../attacks/attack.js';
import { loadNetwork } from '../checkpoints/checkpoint.js';
import { gather } from '../data/batches.js';
import { loadPart } from '../data/datasets.js';
import { spreadIndices } from '../evaluation/image-indices.js';
import { sha256OfFile, studentWeights } from '../experiments/network-files.js';
import { runFolder, type Places } from '../experiments/places.js';
import { shippedFiles } from '../experiments/shipped.js';
import type { WeightedNetwork } from '../models/network.js';
import { bestFile } from '../training/run-folder.js';
import type { Laboratory, LaboratoryNetwork, ReportRun } from './data.js';

/** Images that are shown, and attacked in the page. */
const imageCount = 100;
/** Bytes of weights, at most: what a page of 6 MB has room for beside its code. */
const mostWeights = 1_400_000;

/** The methods whose students are attacked first. */
const foremost = ['ciard', 'pgd-at', 'natural', 'b-mtard', 'rslad'];

/** The students' checkpoints that lie in tables' folders or in the repository's DVC remote, by their SHA-256. */
const storedStudents = async ({ results }: Places, root: string): Promise<Map<string, string>> => {
  const files: string[] = [];
  for (const table of existsSync(results) ? await readdir(results) : []) {
    for (const setting of await readdir(join(results, table)).catch(() => [])) {
      const networks = join(results, table, setting, 'networks');
      for (const name of await readdir(networks).catch(() => [])) {
        const file = studentWeights(join(networks, name));
        if (existsSync(file)) files.push(file);
      }
    }
  }
  for (const { path, stored, state } of await shippedFiles(root)) {
    if (stored !== null && state !== 'not shipped' && path.endsWith('student.safetensors')) {
      files.push(join(root, stored));
    }
  }
  return new Map(await Promise.all(files.map(async (file) => [await sha256OfFile(file), file] as const)));
};

const base64 = (values: Float32Array | Uint8Array): string =>
  Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64');

/** Logits and folded weights of a network, as Node computes them. */
const measure = (
  run: string,
  { network, weights }: WeightedNetwork,
  images: Float32Array,
  count: number,
): LaboratoryNetwork => {
  const target = createTarget(network, weights);
  const { architecture, classes, width, imageSize, normalisation } = network;
  const shape: [number, number, number, number] = [count, imageSize, imageSize, 3];
  const tensors: { name: string; shape: number[] }[] = [];
  const pieces: Float32Array[] = [];
  let logits = new Float32Array();
  try {
    tf.tidy(() => {
      for (const [name, tensor] of Object.entries(network.fold(weights))) {
        tensors.push({ name, shape: tensor.shape });
        pieces.push(tensor.dataSync() as Float32Array);
      }
      const program = target.program({
        logits: { inputs: { x: { shape } }, run: (compute, { x }) => ({ outputs: { z: compute(x as tf.Tensor4D) } }) },
      });
      try {
        const { z } = program.call('logits', { x: tf.tensor4d(images, shape) });
        logits = Float32Array.from(z!.dataSync());
      } finally {
        program.dispose();
      }
    });
  } finally {
    target.dispose();
  }
  const values = new Float32Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    values.set(piece, at);
    at += piece.length;
  }
  return {
    ...{ run, architecture, classes, width, imageSize, tensors },
    mean: normalisation?.mean ?? null,
    std: normalisation?.std ?? null,
    values: base64(values),
    logits: base64(logits),
  };
};

/**
 * A hundred images of a data set, and the students of records on it whose weights are here: those of replicate 0 first, of
 * them CIARD's and what it is compared with most, as far as they fit in. Null where the images are not here.
 * @param root of the repository, whose remote may hold weights
 */
export const laboratoryOf = async (
  runs: readonly ReportRun[],
  places: Places,
  { data, root }: { readonly data: string; readonly root: string },
): Promise<Laboratory | null> => {
  const own = runs.filter((run) => run.data === data && run.of === 'student' && run.training !== null);
  const set = await loadPart(data, 'test').catch(() => undefined);
  if (!set) return null;
  const indices = spreadIndices(set.length, Math.min(imageCount, set.length));
  const { images, labels } = gather(set, indices);
  const stored = await storedStudents(places, root);
  const networks: LaboratoryNetwork[] = [];
  let bytes = 0;
  let without = 0;
  const first = ({ seed, method, variant }: ReportRun): number =>
    100 * seed + (method === variant ? foremost.indexOf(method) + 1 || foremost.length + 1 : 2 * foremost.length);
  for (const run of [...own].sort((a, b) => first(a) - first(b))) {
    const inRun = bestFile(runFolder(places, run.id));
    const sum = run.checkpoint ?? '';
    const file = existsSync(inRun) && (await sha256OfFile(inRun)) === sum ? inRun : stored.get(sum);
    const parameters = 4 * (run.training?.parameters ?? 0);
    if (file === undefined || bytes + parameters > mostWeights) {
      without++;
      continue;
    }
    const loaded = await loadNetwork(file);
    try {
      if (loaded.network.imageSize !== set.height) continue;
      networks.push(measure(run.key, loaded, images, indices.length));
      bytes += parameters;
    } finally {
      tf.dispose(loaded.weights);
    }
  }
  const pixels = Uint8Array.from(images, (value) => Math.round(255 * value));
  return {
    data,
    testImages: set.length,
    imageSize: set.height,
    classes: set.classes,
    indices: [...indices],
    labels: [...labels],
    pixels: base64(pixels),
    networks,
    without,
  };
};
