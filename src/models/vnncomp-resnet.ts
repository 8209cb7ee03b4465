import type { Architecture, Layers } from './layers.js';

const block = <V>(layers: Layers<V>, name: string, x: V, channels: number, stride: number): V => {
  const options = { kernel: 3, padding: 1, bias: true } as const;
  let y = layers.activation('relu', layers.convolution(`${name}.conv1`, x, channels, { ...options, stride }));
  y = layers.convolution(`${name}.conv2`, y, channels, options);
  const shortcut =
    stride === 1 && layers.channelsOf(x) === channels
      ? x
      : layers.convolution(`${name}.shortcut.0`, x, channels, { kernel: 1, stride, bias: true });
  return layers.activation('relu', layers.add(y, shortcut));
};

/** The small residual networks of VNN-COMP 2021: no batch norm, two linear layers behind. */
export const vnncompResnet = (size: '2b' | '4b'): Architecture => ({
  name: `vnncomp-resnet${size}`,
  description: `ResNet-${size.toUpperCase()} of VNN-COMP 2021 (no batch norm)`,
  initialisation: 'uniform',
  body(layers, image, { classes, scaled }) {
    const [stem, channels, stages] = size === '2b' ? [8, 16, 1] : [16, 32, 2];
    const first = layers.convolution('conv1', image, scaled(stem), { kernel: 3, stride: 2, padding: 1, bias: true });
    let x = layers.activation('relu', first);
    for (let stage = 1; stage <= stages; stage++) {
      for (let i = 0; i < 2; i++) x = block(layers, `layer${stage}.${i}`, x, scaled(channels), i === 0 ? 2 : 1);
    }
    x = layers.activation('relu', layers.linear('linear1', layers.flatten(x), scaled(100)));
    return layers.linear('linear2', x, classes);
  },
});
