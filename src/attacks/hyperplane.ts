import * as tf from '@tensorflow/tfjs-core';

/** Newton steps. On the gradients of real networks two find λ to the last bit; the first already does for half the images. */
const newtonSteps = 3;

/**
 * The step of smallest L∞ norm from `x`, staying in [0, 1], that changes w·x by −`excess` (Croce & Hein, 2020, eq. 7).
 *
 * With λ as the norm, coordinate i moves by min(λ, room_i) against the sign of w_i·excess, room_i being its distance to
 * the wall of the box there. What the step changes, f(λ) = Σ |w_i|·min(λ, room_i), is concave and piecewise linear, so
 * Newton's method from λ = 0 rises to the solution of f(λ) = |excess| and never beyond. That needs no sorting of the
 * coordinates, which on a CPU costs more than the network does.
 *
 * @param x [B, H, W, C] in [0, 1]
 * @param w [B, H, W, C]
 * @param excess [B] w·x − b: positive or negative
 * @returns the step [B, H, W, C]; where [0, 1] does not reach the hyperplane, the step to its corner
 */
export const towardsHyperplaneLinf = (x: tf.Tensor4D, w: tf.Tensor4D, excess: tf.Tensor1D): tf.Tensor4D => {
  const [batch] = x.shape;
  const column = (values: tf.Tensor): tf.Tensor2D => tf.reshape(values, [batch, 1]);
  const rows = (images: tf.Tensor4D): tf.Tensor2D => tf.reshape(images, [batch, -1]);
  // Of no excess, as of a positive one, it is taken to be on the positive side.
  const side = tf.sub(tf.mul(tf.cast(tf.greaterEqual(excess, 0), 'float32'), 2), 1);
  const wanted = column(tf.abs(excess));
  const weight = rows(tf.abs(w));
  const away = tf.mul(tf.sign(rows(w)), column(side));
  // x where the coordinate falls, 1 − x where it rises.
  const room = tf.add(tf.mul(away, tf.sub(rows(x), 0.5)), 0.5);
  const total = tf.sum(weight, 1, true);
  const reach = tf.sum(tf.mul(weight, room), 1, true);
  const beyond = tf.greaterEqual(wanted, reach);
  let lambda: tf.Tensor = tf.div(wanted, tf.add(total, 1e-12));
  for (let i = 0; i < newtonSteps; i++) {
    const over = tf.relu(tf.sub(lambda, room));
    // f(λ) = λ·Σ|w| − Σ|w|·max(λ − room, 0), and its slope.
    const lost = tf.sum(tf.mul(weight, over), 1, true);
    const slope = tf.sub(total, tf.sum(tf.mul(weight, tf.sign(over)), 1, true));
    const short = tf.add(tf.sub(wanted, tf.mul(lambda, total)), lost);
    // Where everything is stopped there is no slope left, nor anything to gain.
    lambda = tf.add(lambda, tf.div(tf.relu(short), tf.maximum(slope, tf.add(tf.mul(total, 1e-6), 1e-12))));
  }
  const length = tf.minimum(room, tf.where(beyond, tf.onesLike(lambda), lambda));
  return tf.reshape(tf.neg(tf.mul(away, length)), x.shape);
};
