/** The 97.5 % quantile of the normal distribution: 95 % lie within ± this many standard deviations. */
const quantile = 1.959963984540054;

/**
 * The Wilson score interval of a proportion at 95 % (Wilson, 1927): where the true accuracy lies, given that `correct` of
 * `total` images were right. Unlike the normal approximation it stays in [0, 1] and has a width where none or all are
 * right. With no image at all it is [0, 1].
 */
export const wilsonInterval = (correct: number, total: number): [number, number] => {
  if (total === 0) return [0, 1];
  const share = correct / total;
  const square = quantile * quantile;
  const centre = (share + square / (2 * total)) / (1 + square / total);
  const half =
    (quantile * Math.sqrt((share * (1 - share)) / total + square / (4 * total * total))) / (1 + square / total);
  // At the ends the bound is exactly 0 or 1, which rounding would miss.
  return [correct === 0 ? 0 : centre - half, correct === total ? 1 : centre + half];
};
