import type { Recipe, RecipeChanges } from '../methods/recipe.js';
import type { Plan, Scale } from './plan.js';

/** A rate that rises and falls over `epochs`, and three attack steps that reach as far as the published ten. */
const short =
  (epochs: number, rate = 0.1) =>
  (published: Recipe): RecipeChanges => ({
    epochs,
    dropLast: true,
    optimiser: {
      learningRate: { kind: 'one-cycle', rate, peak: 1 / 4 },
      weightDecay: 5e-4,
    },
    attack: { steps: 3, stepSize: 4 / 255, mode: 'evaluation', epsilon: published.attack.epsilon },
    validation: { images: 1000, steps: 10, every: 1 },
  });

const shortCiard =
  (epochs: number) =>
  (published: Recipe): RecipeChanges => ({
    ...short(epochs)(published),
    settings: { retrainEvery: 2 / epochs, retrainFor: 1 / epochs },
  });

const attacks = ['clean', 'fgsm', 'pgd-sat', 'pgd-trades', 'cw'];

const small: Plan = {
  name: 'cifar10',
  title: 'CIFAR-10, ResNet-18 students',
  claim:
    'Budget: ResNet-18 at an eighth of its width (teachers at a quarter), 10,000 of the 50,000 training images, 12 epochs, ' +
    'three attack steps while training, one seed, two CPU cores. So the numbers are far below the ' +
    'paper’s; what they show is the order of things. The published recipes are the same command with --scale paper.',
  dataset: 'cifar10',
  trainImages: 10000,
  attacks: ['clean', 'fgsm', 'pgd-sat'],
  jobs: [
    {
      id: 'clean-teacher',
      role: 'clean teacher',
      method: 'natural',
      architecture: 'resnet18',
      width: 0.25,
      changes: short(12),
    },
    {
      id: 'robust-teacher',
      role: 'robust teacher',
      method: 'pgd-at',
      architecture: 'resnet18',
      width: 0.25,
      changes: short(12),
    },
    { id: 'natural', role: 'student', method: 'natural', architecture: 'resnet18', width: 0.125, changes: short(12) },
    { id: 'pgd-at', role: 'student', method: 'pgd-at', architecture: 'resnet18', width: 0.125, changes: short(12) },
    ...(['ciard', 'ciard-code'] as const).map((method) => ({
      id: method,
      role: 'student' as const,
      method,
      architecture: 'resnet18',
      width: 0.125,
      changes: shortCiard(12),
      cleanTeacher: 'clean-teacher',
      robustTeacher: 'robust-teacher',
    })),
  ],
};

const paper: Plan = {
  name: 'cifar10',
  title: 'CIFAR-10, ResNet-18 students, published recipes',
  claim: 'The published recipes: all training images but those held out, full width, 110 to 300 epochs.',
  dataset: 'cifar10',
  attacks,
  jobs: [
    { id: 'clean-teacher', role: 'clean teacher', method: 'natural', architecture: 'cifar-resnet-56' },
    { id: 'robust-teacher', role: 'robust teacher', method: 'trades', architecture: 'wrn-34-10' },
    { id: 'natural', role: 'student', method: 'natural', architecture: 'resnet18' },
    { id: 'pgd-at', role: 'student', method: 'pgd-at', architecture: 'resnet18' },
    ...(['ciard', 'ciard-code'] as const).map((method) => ({
      id: method,
      role: 'student' as const,
      method,
      architecture: 'resnet18',
      cleanTeacher: 'clean-teacher',
      robustTeacher: 'robust-teacher',
    })),
  ],
};

/** CIFAR-10 with ResNet-18 students. */
export const cifar10 = (scale: Scale): Plan => (scale === 'paper' ? paper : small);
