import { residualBlock } from './cifar-resnet.js';
import type { Architecture } from './layers.js';
import { invertedResidual } from './mobilenetv2.js';

// The blocks of the published networks at a quarter of the pixels: a training of minutes becomes one of seconds.

/** A CIFAR ResNet-8 whose first convolution has a stride of 2: for the tables of the scale `quick`. */
export const quickResnet: Architecture = {
  name: 'quick-resnet',
  description: 'CIFAR ResNet-8 with a stem of stride 2, for embedded data',
  initialisation: 'he-fan-in',
  body(layers, image, { classes, scaled }) {
    let x = layers.convolution('conv1', image, scaled(16), { kernel: 3, stride: 2, padding: 1 });
    x = layers.activation('relu', layers.batchNorm('bn1', x));
    [16, 32, 64].forEach((channels, stage) => {
      x = residualBlock(layers, `layer${stage + 1}.0`, x, scaled(channels), stage > 0 ? 2 : 1, 'B');
    });
    return layers.linear('fc', layers.globalAveragePool(x), classes);
  },
};

// Expansion, channels, stride.
const blocks = [
  [1, 16, 1],
  [4, 24, 2],
  [4, 48, 2],
] as const;

/** A MobileNetV2 of three blocks whose first convolution has a stride of 2: for the tables of the scale `quick`. */
export const quickMobilenet: Architecture = {
  name: 'quick-mobilenet',
  description: 'MobileNetV2 of three blocks with a stem of stride 2, for embedded data',
  initialisation: 'he-fan-in',
  body(layers, image, { classes, scaled }) {
    let x = layers.convolution('conv1', image, scaled(16), { kernel: 3, stride: 2, padding: 1 });
    x = layers.activation('relu', layers.batchNorm('bn1', x));
    for (const [index, [expansion, channels, stride]] of blocks.entries()) {
      x = invertedResidual(layers, `layers.${index}`, x, expansion, scaled(channels), stride);
    }
    x = layers.convolution('conv2', x, scaled(160), { kernel: 1 });
    x = layers.activation('relu', layers.batchNorm('bn2', x));
    return layers.linear('linear', layers.globalAveragePool(x), classes);
  },
};
