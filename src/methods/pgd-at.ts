import { crossEntropy } from '../engine/softmax.js';
import { meanCrossEntropy } from './losses.js';
import { defineMethod } from './method.js';
import { commonRecipe, uniformPgd10 } from './common-recipe.js';
import { atEpoch } from './schedule.js';

/** Adversarial training (Madry et al., 2018): cross-entropy on PGD's images. Also the robust teacher's. */
export const pgdAt = defineMethod({
  name: 'pgd-at',
  title: 'PGD-AT',
  source: 'Madry et al., ICLR 2018; schedule of Rice et al., ICML 2020, early stopping by validation',
  teachers: {},
  recipe: {
    ...commonRecipe,
    epochs: 110,
    optimiser: {
      learningRate: { kind: 'steps', rate: 0.1, at: [atEpoch(100, 110), atEpoch(105, 110)], factor: 0.1 },
      momentum: 0.9,
      weightDecay: 5e-4,
    },
    attack: { ...uniformPgd10, mode: 'evaluation' },
  },
  ascend: (adversarial, { student, labels }) => crossEntropy(student.evaluate(adversarial), labels),
  objective(adversarial, { student, labels, labelSmoothing }) {
    const loss = meanCrossEntropy(student.train(adversarial), labels, labelSmoothing);
    return { student: loss, terms: { loss } };
  },
});
