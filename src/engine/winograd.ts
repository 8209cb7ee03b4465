import * as tf from '@tensorflow/tfjs-core';
import { attribute, defineKernel, execute } from './kernels.js';

// Winograd's minimal filtering F(4 × 4, 3 × 3): Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks",
// CVPR 2016. Of each line, four outputs of three taps from six inputs by six products: y = Aᵀ [(G g) ⊙ (Bᵀ d)]. Inputs and
// filter are polynomials, evaluated at five points and at infinity. The usual points 0, ±1, ±2 round several times worse
// than these (on the choice: Barabasz et al., "Error Analysis and Improving the Accuracy of Winograd Convolution for Deep Neural
// Networks", ACM TOMS 46, 2020).
const points = [0, 3 / 4, -3 / 4, 3 / 2, -3 / 2];
const tileSize = 4;
const taps = 3;

const others = (point: number): number[] => points.filter((other) => other !== point);
const powers = (point: number, count: number): number[] => Array.from({ length: count }, (_, i) => point ** i);
/** The coefficients, from the constant on, of the polynomial with these roots. */
const polynomial = (roots: readonly number[]): number[] =>
  roots.reduce<number[]>(
    (factors, root) => [...factors, 0].map((factor, i) => (factors[i - 1] ?? 0) - root * factor),
    [1],
  );

/** Bᵀ, [6][6]; where a row is shorter, zeros follow. */
const inputTransform = [...points.map((point) => polynomial(others(point))), polynomial(points)];
/** G, [6][3]. */
const filterTransform = [
  ...points.map((point) => {
    const scale = others(point).reduce((product, other) => product * (point - other), 1);
    return powers(point, taps).map((power) => power / scale);
  }),
  [0, 0, 1],
];
/** A, [6][4]. */
const outputTransform = [...points.map((point) => powers(point, tileSize)), [0, 0, 0, 1]];

/** Products of a line; a tile has their square. */
const lineProducts = inputTransform.length;
const tileProducts = lineProducts ** 2;

/** How many tiles cover an image of `size` × `size`. The last of a line may reach over its edge. */
const tilesOf = (size: number): number => Math.ceil(size / tileSize) ** 2;

/** A matrix of `rows` × `columns`, its entries by `entry`. */
const matrix = (rows: number, columns: number, entry: (row: number, column: number) => number): tf.Tensor2D =>
  tf.tensor2d(
    Float32Array.from({ length: rows * columns }, (_, i) => entry(Math.floor(i / columns), i % columns)),
    [rows, columns],
  );

/**
 * What takes an image of `size` × `size`, with a border of zeros, to the values that are multiplied: rows are the
 * products of a tile, and in each the tiles; columns are the pixels.
 */
const imageToProducts = (size: number): tf.Tensor2D => {
  const tiles = tilesOf(size);
  const across = Math.sqrt(tiles);
  const line = (product: number, tile: number, pixel: number): number =>
    inputTransform[product]![pixel - (tileSize * tile - 1)] ?? 0;
  return matrix(tileProducts * tiles, size * size, (row, column) => {
    const [product, tile] = [Math.floor(row / tiles), row % tiles];
    return (
      line(Math.floor(product / lineProducts), Math.floor(tile / across), Math.floor(column / size)) *
      line(product % lineProducts, tile % across, column % size)
    );
  });
};

/** What takes the products to the image that comes out: rows are its pixels, columns as the rows of `imageToProducts`. */
const productsToImage = (size: number): tf.Tensor2D => {
  const tiles = tilesOf(size);
  const across = Math.sqrt(tiles);
  const line = (pixel: number, product: number, tile: number): number =>
    Math.floor(pixel / tileSize) === tile ? outputTransform[product]![pixel % tileSize]! : 0;
  return matrix(size * size, tileProducts * tiles, (row, column) => {
    const [product, tile] = [Math.floor(column / tiles), column % tiles];
    return (
      line(Math.floor(row / size), Math.floor(product / lineProducts), Math.floor(tile / across)) *
      line(row % size, product % lineProducts, tile % across)
    );
  });
};

/** What takes a filter of 3 × 3 to what the products of a tile multiply with. */
const filterToProducts = (): tf.Tensor2D =>
  matrix(
    tileProducts,
    9,
    (row, column) =>
      filterTransform[Math.floor(row / lineProducts)]![Math.floor(column / 3)]! *
      filterTransform[row % lineProducts]![column % 3]!,
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
      const images = tf.reshape(multiply(imageToProducts(size), pixelsFirst(x)), [tileProducts, -1, inputs]);
      const filters = tf.reshape(multiply(filterToProducts(), tf.reshape(filter, [9, -1])), [
        tileProducts,
        inputs,
        outputs,
      ]);
      const products = tf.reshape(multiplyEach(images, filters), [tileProducts * tilesOf(size), -1]);
      return [imagesFirst(multiply(productsToImage(size), products), x.shape, outputs), images, filters];
    }),
  saveInputs: ['x', 'filter'],
  saveOutputs: [false, true, true],
  gradient(dys, [x, filter, images, filters]) {
    const [, size, , inputs] = x!.shape as [number, number, number, number];
    const products = tf.reshape(multiply(productsToImage(size), pixelsFirst((dys as tf.Tensor[])[0]!), true), [
      tileProducts,
      -1,
      filter!.shape[3]!,
    ]);
    return {
      x: () => {
        const dImages = tf.reshape(multiplyEach(products, filters!, 'b'), [tileProducts * tilesOf(size), -1]);
        return imagesFirst(multiply(imageToProducts(size), dImages, true), x!.shape, inputs);
      },
      filter: () => {
        const dFilters = tf.reshape(multiplyEach(images!, products, 'a'), [tileProducts, -1]);
        return tf.reshape(multiply(filterToProducts(), dFilters, true), filter!.shape);
      },
    };
  },
});

/**
 * A convolution by Winograd's algorithm, with four times fewer products than the definition (where tiles of 4 × 4 fit the
 * image): of square images by filters of 3 × 3, stride 1, a border of one zero. It rounds a little coarser than the
 * definition (see the test).
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
