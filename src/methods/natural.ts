import { meanCrossEntropy } from './losses.js';
import { defineMethod } from './method.js';
import { commonRecipe, gaussianPgd10 } from './common-recipe.js';
import { atEpoch } from './schedule.js';

/** Natural training: cross-entropy on clean images. Also the clean teacher's. */
export const natural = defineMethod({
  name: 'natural',
  title: 'Natural training',
  source: 'cross-entropy on clean images',
  teachers: {},
  recipe: {
    ...commonRecipe,
    epochs: 300,
    optimiser: {
      learningRate: {
        kind: 'steps',
        rate: 0.1,
        at: [atEpoch(215, 300), atEpoch(260, 300), atEpoch(285, 300)],
        factor: 0.1,
      },
      momentum: 0.9,
      weightDecay: 2e-4,
    },
    attack: gaussianPgd10,
    validation: { ...commonRecipe.validation, robustWeight: 0 },
  },
  objective(_adversarial, { student, x, labels, labelSmoothing }) {
    const loss = meanCrossEntropy(student.train(x), labels, labelSmoothing);
    return { student: loss, terms: { loss } };
  },
});
