import type { Architecture, Layers } from './layers.js';

const block = <V>(layers: Layers<V>, name: string, x: V, channels: number, stride: number): V => {
  const activated = layers.activation('relu', layers.batchNorm(`${name}.bn1`, x));
  let y = layers.convolution(`${name}.conv1`, activated, channels, { kernel: 3, stride, padding: 1 });
  y = layers.activation('relu', layers.batchNorm(`${name}.bn2`, y));
  y = layers.convolution(`${name}.conv2`, y, channels, { kernel: 3, padding: 1 });
  const shortcut =
    stride === 1 && layers.channelsOf(x) === channels
      ? x
      : layers.convolution(`${name}.shortcut.0`, activated, channels, { kernel: 1, stride });
  return layers.add(y, shortcut);
};

/** Pre-activation ResNet (He et al., 2016b) in its CIFAR form, without a last batch norm, as published for CIFAR. */
export const preactResnet = (depth: 18 | 34): Architecture => ({
  name: `preact-resnet${depth}`,
  description: `Pre-activation ResNet-${depth}, CIFAR form`,
  initialisation: 'uniform',
  body(layers, image, { classes, scaled }) {
    let x = layers.convolution('conv1', image, scaled(64), { kernel: 3, padding: 1 });
    const blocks = depth === 18 ? [2, 2, 2, 2] : [3, 4, 6, 3];
    [64, 128, 256, 512].forEach((channels, stage) => {
      for (let i = 0; i < blocks[stage]!; i++) {
        x = block(layers, `layer${stage + 1}.${i}`, x, scaled(channels), stage > 0 && i === 0 ? 2 : 1);
      }
    });
    return layers.linear('linear', layers.globalAveragePool(x), classes);
  },
});
