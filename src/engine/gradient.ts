import * as tf from '@tensorflow/tfjs-core';

/** Named tensors: the weights of a network, the inputs or outputs of a function. */
export type Tensors = Readonly<Record<string, tf.Tensor>>;

/** Frees what the tape has kept for a backward pass that will not come: tfjs does so after a backward pass alone. */
const clearTape = (): void => {
  const { state } = tf.engine();
  if (state.gradientDepth > 0) return;
  // tfjs declares it never absent, and clears it by null.
  const tape = state.activeTape as typeof state.activeTape | null;
  for (const { saved = [] } of tape ?? []) tf.dispose(saved);
  state.activeTape = [];
};

/**
 * The value and the gradients of a scalar function.
 *
 * Only the gradients that are asked for are computed: with respect to the image alone, no filter gradient runs.
 * @param f returns the scalar to differentiate, and whatever else of its forward pass is wanted (`aux`)
 * @param wrt the tensors, by name, that `f` computes from
 * @param options `optional`: leave out the gradient of what the value does not depend on, instead of an error
 */
export const gradients = <W extends Tensors, A extends Tensors = Record<string, never>>(
  f: () => { value: tf.Scalar; aux?: A },
  wrt: W,
  { optional = false }: { readonly optional?: boolean } = {},
): { value: tf.Scalar; gradients: { [K in keyof W]: W[K] }; aux: A } =>
  tf.tidy(() => {
    let kept: [string, tf.Tensor][] = [];
    const names = Object.keys(wrt);
    const compute = () =>
      tf.engine().gradients(
        () => {
          const { value, aux: extra = {} } = f();
          // The tape's scope disposes all but the value; what is kept outlives it.
          kept = Object.entries(extra as Tensors).map(([name, tensor]) => [name, tf.keep(tensor.clone())]);
          return value;
        },
        names.map((name) => wrt[name]!),
      );
    let result: ReturnType<typeof compute>;
    let aux: Record<string, tf.Tensor>;
    try {
      result = compute();
      aux = Object.fromEntries(kept.map(([name, tensor]) => [name, tensor.clone()]));
    } catch (error) {
      clearTape();
      throw error;
    } finally {
      for (const [, tensor] of kept) tensor.dispose();
    }
    const missing = names.filter((_, i) => result.grads[i] === undefined);
    if (missing.length > 0 && !optional)
      throw new Error(`gradients: the value does not depend on ${missing.join(', ')}`);
    return {
      value: result.value,
      gradients: Object.fromEntries(
        names.flatMap((name, i) => (missing.includes(name) ? [] : [[name, result.grads[i]!] as const])),
      ) as { [K in keyof W]: W[K] },
      aux: aux as unknown as A,
    };
  });

/**
 * `tensor` as a constant: the same data, through which no gradient flows. tfjs has no such operation; a tensor that the
 * tape has not seen made is one.
 */
export const detach = <T extends tf.Tensor>(tensor: T): T => {
  const backend = tf.backend() as unknown as { incRef(id: tf.DataId): void };
  backend.incRef(tensor.dataId);
  return tf.engine().makeTensorFromTensorInfo({ dataId: tensor.dataId, shape: tensor.shape, dtype: tensor.dtype }) as T;
};
