import type { Normalisation } from '../models/network.js';
import { float32Of, sizeOfShape } from './state-dict.js';
import type { StateDict } from './state-dict.js';

/** A normalisation that a file's tensors seem to be: three means and three standard deviations under such names. */
export interface FoundNormalisation extends Normalisation {
  readonly names: readonly [string, string];
}

const pairs = [
  ['mean', 'std'],
  ['mu', 'sigma'],
] as const;

/**
 * The normalisation among the tensors that are not the network's own, if they hold one for images in [0, 1]. Programs that
 * normalise inside the network keep it in the state dict ('0.mean', '0.std'; 'mu', 'sigma'; 'normalize.mean', …).
 */
export const findNormalisation = (tensors: StateDict, surplus: Iterable<string>): FoundNormalisation | undefined => {
  const three = (name: string): [number, number, number] | undefined => {
    const tensor = tensors.get(name);
    if (!tensor || sizeOfShape(tensor.shape) !== 3) return undefined;
    // As many digits as a float32 holds.
    const [r, g, b] = Array.from(float32Of(tensor), (value) => Number(value.toPrecision(6)));
    return [r!, g!, b!];
  };
  for (const name of surplus) {
    for (const [mean, std] of pairs) {
      if (name !== mean && !name.endsWith(`.${mean}`)) continue;
      const other = `${name.slice(0, -mean.length)}${std}`;
      const means = three(name);
      const deviations = three(other);
      if (!means?.every((value) => value >= 0 && value <= 1)) continue;
      if (!deviations?.every((value) => value > 0 && value <= 1)) continue;
      return { mean: means, std: deviations, names: [name, other] };
    }
  }
  return undefined;
};
