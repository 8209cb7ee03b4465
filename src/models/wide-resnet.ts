import type { Architecture, Layers } from './layers.js';

const block = <V>(layers: Layers<V>, name: string, x: V, channels: number, stride: number): V => {
  const same = layers.channelsOf(x) === channels;
  const activated = layers.activation('relu', layers.batchNorm(`${name}.bn1`, x));
  let y = layers.convolution(`${name}.conv1`, activated, channels, { kernel: 3, stride, padding: 1 });
  y = layers.activation('relu', layers.batchNorm(`${name}.bn2`, y));
  y = layers.convolution(`${name}.conv2`, y, channels, { kernel: 3, padding: 1 });
  // Where the channels change, the shortcut starts behind the activation.
  const shortcut = same ? x : layers.convolution(`${name}.convShortcut`, activated, channels, { kernel: 1, stride });
  return layers.add(shortcut, y);
};

const stage = <V>(layers: Layers<V>, name: string, x: V, channels: number, blocks: number, stride: number): V => {
  for (let i = 0; i < blocks; i++) x = block(layers, `${name}.layer.${i}`, x, channels, i === 0 ? stride : 1);
  return x;
};

/**
 * Wide ResNet (Zagoruyko & Komodakis, 2016) in the form of the TRADES code. Its published networks carry a second copy of
 * the first stage, 'sub_block1', which they never compute with: 48.3 instead of 46.2 million parameters for WRN-34-10.
 * It is kept, so that their checkpoints load and go out unchanged.
 */
export const wideResnet = (depth: number, widen: number): Architecture => ({
  name: `wrn-${depth}-${widen}`,
  description: `Wide ResNet ${depth}-${widen}, TRADES form`,
  initialisation: 'he-fan-out',
  body(layers, image, { classes, scaled }) {
    const blocks = (depth - 4) / 6;
    const stem = layers.convolution('conv1', image, scaled(16), { kernel: 3, padding: 1 });
    let x = stage(layers, 'block1', stem, scaled(16 * widen), blocks, 1);
    layers.unused((declared) => {
      stage(declared, 'sub_block1', stem, scaled(16 * widen), blocks, 1);
    });
    x = stage(layers, 'block2', x, scaled(32 * widen), blocks, 2);
    x = stage(layers, 'block3', x, scaled(64 * widen), blocks, 2);
    x = layers.activation('relu', layers.batchNorm('bn1', x));
    return layers.linear('fc', layers.globalAveragePool(x), classes);
  },
});
