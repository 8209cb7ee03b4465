import { meanCrossEntropy } from './losses.js';
import type { Method } from './method.js';
import { commonRecipe, gaussianPgd10 } from './recipes.js';

/** Natural training: cross-entropy on clean images. Also the clean teacher's. */
export const natural: Method = {
  name: 'natural',
  title: 'Natural training',
  source: 'cross-entropy on clean images',
  teachers: {},
  recipe: {
    ...commonRecipe,
    epochs: 300,
    writtenFor: 300,
    optimiser: {
      learningRate: { kind: 'steps', rate: 0.1, at: [215, 260, 285], factor: 0.1 },
      momentum: 0.9,
      weightDecay: 2e-4,
    },
    attack: gaussianPgd10,
    validation: { ...commonRecipe.validation, robustWeight: 0 },
  },
  objective(_adversarial, { student, x, labels }) {
    const loss = meanCrossEntropy(student.train(x), labels);
    return { student: loss, terms: { loss } };
  },
};
