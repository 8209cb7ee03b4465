import type { Architecture, Layers } from './layers.js';

const block = <V>(layers: Layers<V>, name: string, x: V, channels: number, stride: number): V => {
  let y = layers.convolution(`${name}.conv1`, x, channels, { kernel: 3, stride, padding: 1 });
  y = layers.activation('relu', layers.batchNorm(`${name}.bn1`, y));
  y = layers.batchNorm(`${name}.bn2`, layers.convolution(`${name}.conv2`, y, channels, { kernel: 3, padding: 1 }));
  const shortcut =
    stride === 1 && layers.channelsOf(x) === channels
      ? x
      : layers.batchNorm(
          `${name}.shortcut.1`,
          layers.convolution(`${name}.shortcut.0`, x, channels, { kernel: 1, stride }),
        );
  return layers.activation('relu', layers.add(y, shortcut));
};

/** ResNet-18 in its CIFAR form (He et al., 2016; 3×3 stem, no first pooling), as the distillation papers use it. */
export const resnet18: Architecture = {
  name: 'resnet18',
  description: 'ResNet-18, CIFAR form (3×3 stem)',
  initialisation: 'uniform',
  body(layers, image, { classes, scaled }) {
    let x = layers.convolution('conv1', image, scaled(64), { kernel: 3, padding: 1 });
    x = layers.activation('relu', layers.batchNorm('bn1', x));
    [64, 128, 256, 512].forEach((channels, stage) => {
      for (let i = 0; i < 2; i++) {
        x = block(layers, `layer${stage + 1}.${i}`, x, scaled(channels), stage > 0 && i === 0 ? 2 : 1);
      }
    });
    return layers.linear('linear', layers.globalAveragePool(x), classes);
  },
};
