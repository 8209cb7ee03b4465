import * as tf from '@tensorflow/tfjs-core';
import { attribute, defineKernel, execute } from './kernels.js';

// Winograd's minimal filtering F(2 × 2, 3 × 3): Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks",
// CVPR 2016, section 4.1. Two outputs of three taps from four inputs by four products: y = Aᵀ [(G g) ⊙ (Bᵀ d)].
const inputTransform = [
  [1, 0, -1, 0],
  [0, 1, 1, 0],
  [0, -1, 1, 0],
  [0, 1, 0, -1],
] as const;
const filterTransform = [
  [1, 0, 0],
  [0.5, 0.5, 0.5],
  [0.5, -0.5, 0.5],
  [0, 0, 1],
] as const;
const outputTransform = [
  [1, 1, 1, 0],
  [0, 1, -1, -1],
] as const;

/** A matrix of `rows` × `columns`, its entries by `entry`. */
const matrix = (rows: number, columns: number, entry: (row: number, column: number) => number): tf.Tensor2D =>
  tf.tensor2d(
    Float32Array.from({ length: rows * columns }, (_, i) => entry(Math.floor(i / columns), i % columns)),
    [rows, columns],
  );

/**
 * What takes an image of `size` × `size`, with a border of zeros, to the values that are multiplied: rows are the 16
 * products of a tile, and in each the tiles; columns are the pixels.
 */
const imageToProducts = (size: number): tf.Tensor2D => {
  const tiles = size / 2;
  const line = (product: number, tile: number, pixel: number): number =>
    inputTransform[product]![pixel - (2 * tile - 1)] ?? 0;
  return matrix(16 * tiles * tiles, size * size, (row, column) => {
    const [product, tile] = [Math.floor(row / (tiles * tiles)), row % (tiles * tiles)];
    return (
      line(Math.floor(product / 4), Math.floor(tile / tiles), Math.floor(column / size)) *
      line(product % 4, tile % tiles, column % size)
    );
  });
};

/** What takes the products to the image that comes out: rows are its pixels, columns as the rows of `imageToProducts`. */
const productsToImage = (size: number): tf.Tensor2D => {
  const tiles = size / 2;
  const line = (pixel: number, product: number, tile: number): number =>
    Math.floor(pixel / 2) === tile ? outputTransform[pixel % 2]![product]! : 0;
  return matrix(size * size, 16 * tiles * tiles, (row, column) => {
    const [product, tile] = [Math.floor(column / (tiles * tiles)), column % (tiles * tiles)];
    return (
      line(Math.floor(row / size), Math.floor(product / 4), Math.floor(tile / tiles)) *
      line(row % size, product % 4, tile % tiles)
    );
  });
};

/** What takes a filter of 3 × 3 to what the 16 products multiply with. */
const filterToProducts = (): tf.Tensor2D =>
  matrix(
    16,
    9,
    (row, column) =>
      filterTransform[Math.floor(row / 4)]![Math.floor(column / 3)]! * filterTransform[row % 4]![column % 3]!,
  );

const float = attribute.type('T', 'float32');

const multiply = (a: tf.Tensor, b: tf.Tensor, transposeA = false): tf.Tensor =>
  execute('MatMul', [float, attribute.bool('transpose_a', transposeA), attribute.bool('transpose_b', false)], a, b);

const multiplyEach = (a: tf.Tensor, b: tf.Tensor, transpose: 'a' | 'b' | 'none' = 'none'): tf.Tensor =>
  execute(
    'BatchMatMulV2',
    [float, attribute.bool('adj_x', transpose === 'a'), attribute.bool('adj_y', transpose === 'b')],
    a,
    b,
  );

/** Images [B, H, W, C] as a matrix whose rows are pixels [H · W, B · C]. */
const pixelsFirst = (images: tf.Tensor): tf.Tensor => {
  const [batch, height, width, channels] = images.shape as [number, number, number, number];
  return tf.reshape(tf.transpose(tf.reshape(images, [batch, height * width, channels]), [1, 0, 2]), [
    height * width,
    batch * channels,
  ]);
};

/** The other way round. */
const imagesFirst = (pixels: tf.Tensor, [batch, height, width]: readonly number[], channels: number): tf.Tensor =>
  tf.reshape(tf.transpose(tf.reshape(pixels, [height! * width!, batch!, channels]), [1, 0, 2]), [
    batch!,
    height!,
    width!,
    channels,
  ]);

// The three transforms are linear, so the gradients are the same products between the transposed transforms.
const kernel = defineKernel<{ x: tf.Tensor; filter: tf.Tensor }, Record<string, never>>({
  name: 'WinogradConvolution',
  forward: ({ x, filter }) =>
    tf.tidy(() => {
      const [, size, , inputs] = x.shape as [number, number, number, number];
      const outputs = filter.shape[3]!;
      const images = tf.reshape(multiply(imageToProducts(size), pixelsFirst(x)), [16, -1, inputs]);
      const filters = tf.reshape(multiply(filterToProducts(), tf.reshape(filter, [9, -1])), [16, inputs, outputs]);
      const products = tf.reshape(multiplyEach(images, filters), [16 * (size / 2) ** 2, -1]);
      return [imagesFirst(multiply(productsToImage(size), products), x.shape, outputs), images, filters];
    }),
  saveInputs: ['x', 'filter'],
  saveOutputs: [false, true, true],
  gradient(dys, [x, filter, images, filters]) {
    const [, size, , inputs] = x!.shape as [number, number, number, number];
    const products = tf.reshape(multiply(productsToImage(size), pixelsFirst((dys as tf.Tensor[])[0]!), true), [
      16,
      -1,
      filter!.shape[3]!,
    ]);
    return {
      x: () => {
        const dImages = tf.reshape(multiplyEach(products, filters!, 'b'), [16 * (size / 2) ** 2, -1]);
        return imagesFirst(multiply(imageToProducts(size), dImages, true), x!.shape, inputs);
      },
      filter: () => {
        const dFilters = tf.reshape(multiplyEach(images!, products, 'a'), [16, -1]);
        return tf.reshape(multiply(filterToProducts(), dFilters, true), filter!.shape);
      },
    };
  },
});

/**
 * A convolution by Winograd's algorithm, with 2.25 times fewer products than the definition: of square images of an even
 * size by filters of 3 × 3, stride 1, a border of one zero. It rounds as the definition does (see the test), but not to the
 * same bits.
 *
 * TensorFlow's own kernels and matrix products cost the same for each product, so this pays where the transforms are small
 * beside the products: small images with many channels, as in the last stages of a ResNet.
 *
 * @param x [B, S, S, in]
 * @param filter [3, 3, in, out]
 * @returns [B, S, S, out]
 */
export const winogradConvolution = (x: tf.Tensor4D, filter: tf.Tensor4D): tf.Tensor4D =>
  kernel({ x, filter }, {})[0] as tf.Tensor4D;
