import * as tf from '@tensorflow/tfjs-core';

/** Named tensors: the weights of a network, the inputs or outputs of a function. */
export type Tensors = Readonly<Record<string, tf.Tensor>>;

/**
 * The value and the gradients of a scalar function.
 *
 * Only the gradients that are asked for are computed: with respect to the image alone, no filter gradient runs.
 * @param f returns the scalar to differentiate, and whatever else of its forward pass is wanted (`aux`)
 * @param wrt the tensors, by name, that `f` computes from
 */
export const gradients = <W extends Tensors, A extends Tensors = Record<string, never>>(
  f: () => { value: tf.Scalar; aux?: A },
  wrt: W,
): { value: tf.Scalar; gradients: { [K in keyof W]: W[K] }; aux: A } =>
  tf.tidy(() => {
    let kept: [string, tf.Tensor][] = [];
    const names = Object.keys(wrt);
    const result = tf.engine().gradients(
      () => {
        const { value, aux: extra = {} } = f();
        // The tape's scope disposes all but the value; what is kept outlives it.
        kept = Object.entries(extra as Tensors).map(([name, tensor]) => [name, tf.keep(tensor.clone())]);
        return value;
      },
      names.map((name) => wrt[name]!),
    );
    const missing = names.filter((_, i) => (result.grads[i] as tf.Tensor | undefined) === undefined);
    if (missing.length > 0) throw new Error(`gradients: the value does not depend on ${missing.join(', ')}`);
    const aux = Object.fromEntries(
      kept.map(([name, tensor]) => {
        const copy = tensor.clone();
        tensor.dispose();
        return [name, copy];
      }),
    );
    return {
      value: result.value as tf.Scalar,
      gradients: Object.fromEntries(names.map((name, i) => [name, result.grads[i]!])) as { [K in keyof W]: W[K] },
      aux: aux as unknown as A,
    };
  });
