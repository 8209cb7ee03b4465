import type { Architecture, Layers } from './layers.js';

/** Shortcut 'A': strided identity, zero channels around; 'B': 1×1 convolution (He et al., 2016, section 4.2). */
type Shortcut = 'A' | 'B';

/** Two convolutions with batch norm and a shortcut around them. */
export const residualBlock = <V>(
  layers: Layers<V>,
  name: string,
  x: V,
  channels: number,
  stride: number,
  shortcutType: Shortcut,
): V => {
  const inputs = layers.channelsOf(x);
  let y = layers.convolution(`${name}.conv1`, x, channels, { kernel: 3, stride, padding: 1 });
  y = layers.activation('relu', layers.batchNorm(`${name}.bn1`, y));
  y = layers.batchNorm(`${name}.bn2`, layers.convolution(`${name}.conv2`, y, channels, { kernel: 3, padding: 1 }));
  let shortcut = x;
  if (stride !== 1 || inputs !== channels) {
    if (shortcutType === 'A') {
      // A quarter of the new channels on each side; an odd remainder goes behind.
      const before = Math.floor((channels - inputs) / 2);
      shortcut = layers.padChannels(layers.subsample(x, stride), before, channels - inputs - before);
    } else {
      shortcut = layers.convolution(`${name}.downsample.0`, x, channels, { kernel: 1, stride });
      shortcut = layers.batchNorm(`${name}.downsample.1`, shortcut);
    }
  }
  return layers.activation('relu', layers.add(y, shortcut));
};

/** The CIFAR ResNet of depth 6n + 2 (He et al., 2016, section 4.2). */
export const cifarResnet = (depth: number, shortcutType: Shortcut): Architecture => ({
  name: `cifar-resnet-${depth}${shortcutType === 'A' ? '-a' : ''}`,
  description: `CIFAR ResNet-${depth}, ${shortcutType === 'A' ? 'shortcut type A (no parameters)' : '1×1-convolution shortcuts'}`,
  initialisation: 'he-fan-in',
  body(layers, image, { classes, scaled }) {
    let x = layers.convolution('conv1', image, scaled(16), { kernel: 3, padding: 1 });
    x = layers.activation('relu', layers.batchNorm('bn1', x));
    [16, 32, 64].forEach((channels, stage) => {
      for (let i = 0; i < (depth - 2) / 6; i++) {
        const stride = stage > 0 && i === 0 ? 2 : 1;
        x = residualBlock(layers, `layer${stage + 1}.${i}`, x, scaled(channels), stride, shortcutType);
      }
    });
    // The published networks of the two forms name their last layer differently, too.
    return layers.linear(shortcutType === 'A' ? 'linear' : 'fc', layers.globalAveragePool(x), classes);
  },
});
