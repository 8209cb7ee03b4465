import type { Architecture, Layers } from './layers.js';

// Expansion, channels, blocks, stride of the first block.
const stages = [
  [1, 16, 1, 1],
  [6, 24, 2, 1],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

/** Widened by a 1×1 convolution, convolved channel by channel, narrowed by another, with a shortcut where the size stays. */
export const invertedResidual = <V>(
  layers: Layers<V>,
  name: string,
  x: V,
  expansion: number,
  channels: number,
  stride: number,
): V => {
  const inputs = layers.channelsOf(x);
  let y = layers.convolution(`${name}.conv1`, x, expansion * inputs, { kernel: 1 });
  y = layers.activation('relu', layers.batchNorm(`${name}.bn1`, y));
  y = layers.depthwiseConvolution(`${name}.conv2`, y, { kernel: 3, stride, padding: 1 });
  y = layers.activation('relu', layers.batchNorm(`${name}.bn2`, y));
  y = layers.batchNorm(`${name}.bn3`, layers.convolution(`${name}.conv3`, y, channels, { kernel: 1 }));
  if (stride !== 1) return y;
  // The CIFAR form has a shortcut wherever the size stays, by a 1×1 convolution where the channels change.
  const shortcut =
    inputs === channels
      ? x
      : layers.batchNorm(`${name}.shortcut.1`, layers.convolution(`${name}.shortcut.0`, x, channels, { kernel: 1 }));
  return layers.add(y, shortcut);
};

/** MobileNetV2 (Sandler et al., 2018) in its CIFAR form: strides of the first three stages 1, plain ReLU. */
export const mobilenetv2: Architecture = {
  name: 'mobilenetv2',
  description: 'MobileNetV2, CIFAR form',
  initialisation: 'uniform',
  body(layers, image, { classes, scaled }) {
    let x = layers.convolution('conv1', image, scaled(32), { kernel: 3, padding: 1 });
    x = layers.activation('relu', layers.batchNorm('bn1', x));
    let index = 0;
    for (const [expansion, channels, blocks, stride] of stages) {
      for (let i = 0; i < blocks; i++) {
        x = invertedResidual(layers, `layers.${index++}`, x, expansion, scaled(channels), i === 0 ? stride : 1);
      }
    }
    x = layers.convolution('conv2', x, scaled(1280), { kernel: 1 });
    x = layers.activation('relu', layers.batchNorm('bn2', x));
    return layers.linear('linear', layers.globalAveragePool(x), classes);
  },
};
