import type { Architecture, Layers } from './layers.js';

const block = <V>(layers: Layers<V>, name: string, x: V, channels: number, stride: number): V => {
  const same = layers.channelsOf(x) === channels;
  const activated = layers.activation('swish', layers.batchNorm(`${name}.batchnorm_0`, x));
  // Padded as TensorFlow pads: with stride 2, below and to the right alone.
  let y = layers.convolution(`${name}.conv_0`, activated, channels, { kernel: 3, stride, padding: 'same' });
  y = layers.activation('swish', layers.batchNorm(`${name}.batchnorm_1`, y));
  y = layers.convolution(`${name}.conv_1`, y, channels, { kernel: 3, padding: 1 });
  const shortcut = same ? x : layers.convolution(`${name}.shortcut`, activated, channels, { kernel: 1, stride });
  return layers.add(shortcut, y);
};

/** Wide ResNet with Swish activations, in DeepMind's form (Gowal et al., 2020). */
export const wideResnetSwish = (depth: number, widen: number): Architecture => ({
  name: `wrn-${depth}-${widen}-swish`,
  description: `Wide ResNet ${depth}-${widen} with Swish, DeepMind's form`,
  initialisation: 'he-fan-out',
  body(layers, image, { classes, scaled }) {
    const blocks = (depth - 4) / 6;
    let x = layers.convolution('init_conv', image, scaled(16), { kernel: 3, padding: 1 });
    [16, 32, 64].forEach((channels, stage) => {
      for (let i = 0; i < blocks; i++) {
        const stride = stage > 0 && i === 0 ? 2 : 1;
        x = block(layers, `layer.${stage}.block.${i}`, x, scaled(channels * widen), stride);
      }
    });
    x = layers.activation('swish', layers.batchNorm('batchnorm', x));
    return layers.linear('logits', layers.globalAveragePool(x), classes);
  },
});
