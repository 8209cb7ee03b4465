import type { Recipe, RecipeChanges } from '../methods/recipe.js';
import type { Plan } from './plan.js';

const network = { architecture: 'cifar-resnet-8' } as const;

/** A few epochs of small batches with a rate that rises and falls; two attack steps that leave the ball, and are cut. */
const short =
  (epochs: number, rate = 0.05) =>
  (published: Recipe): RecipeChanges => ({
    epochs,
    batchSize: 64,
    dropLast: true,
    optimiser: {
      learningRate: { kind: 'one-cycle', rate, peak: 1 / 3 },
      weightDecay: 5e-4,
    },
    attack: { steps: 2, stepSize: 5 / 255, mode: 'evaluation', epsilon: published.attack.epsilon },
    validation: { images: 300, steps: 5, every: 1 },
  });

/** The same for CIARD, whose phases were written for 300 epochs. */
const shortCiard =
  (epochs: number) =>
  (published: Recipe): RecipeChanges => ({
    ...short(epochs)(published),
    settings: { retrainEvery: 2 / epochs, retrainFor: 1 / epochs },
  });

/** Natural training gets to its accuracy in so few epochs by a higher rate alone. */
const shortNatural = short(5, 0.1);

/** The main job on the embedded data set: minutes on two cores. */
export const quick: Plan = {
  name: 'quick',
  title: 'Quick reproduction on the embedded data set',
  claim:
    'Natural training is accurate and breaks under attack; adversarial training trades accuracy for robustness; CIARD, ' +
    'with a clean and a robust teacher, is more accurate and less robust than adversarial training. Embedded synthetic data set, networks of 78,000 parameters, a ' +
    'few epochs: minutes on two cores.',
  dataset: 'synthetic',
  trainImages: 3000,
  attacks: ['clean', 'fgsm', 'pgd-sat'],
  jobs: [
    { id: 'clean-teacher', role: 'clean teacher', method: 'natural', ...network, changes: shortNatural },
    { id: 'robust-teacher', role: 'robust teacher', method: 'pgd-at', ...network, changes: short(6) },
    { id: 'natural', role: 'student', method: 'natural', ...network, changes: shortNatural },
    { id: 'pgd-at', role: 'student', method: 'pgd-at', ...network, changes: short(5) },
    {
      id: 'ciard',
      role: 'student',
      method: 'ciard',
      ...network,
      changes: shortCiard(5),
      cleanTeacher: 'clean-teacher',
      robustTeacher: 'robust-teacher',
    },
  ],
};
