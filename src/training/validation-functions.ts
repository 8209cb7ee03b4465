import type * as tf from '@tensorflow/tfjs-core';
import { crossEntropyLoss } from '../attacks/attack-losses.js';
import { batchInputs, enterBatch, type AttackedBatch } from '../attacks/batch-variables.js';
import { signStep } from '../attacks/sign-step.js';
import type { Tensors } from '../engine/gradient.js';
import type { ProgramFunction } from '../engine/program.js';
import { prefixed, under } from './names.js';
import { networksOver } from './networks.js';
import type { StepParts } from './step-functions.js';
import { batchPath } from './variables.js';

/**
 * PGD from a uniform start, with steps of ε/4, against the student in evaluation mode, on the weights that were folded
 * last. The functions share the variables of the training batches of that size.
 */
export const validationFunctions = (
  { method, recipe, networks }: StepParts,
  size: number,
): Record<'enter' | 'ascend' | 'outcome', ProgramFunction> => {
  const { student, robustTeacher } = networks;
  const { imageSize } = student.network;
  const path = batchPath(size);
  const batchOf = (variables: Tensors): AttackedBatch => under(path, variables) as unknown as AttackedBatch;
  const logits = (variables: Tensors, x: tf.Tensor4D): tf.Tensor2D =>
    student.network.evaluate(under('student.folded/', variables), x);
  return {
    enter: {
      inputs: batchInputs('uniform', [size, imageSize, imageSize, 3]),
      run(variables, inputs) {
        const batch = enterBatch('uniform', inputs);
        return { outputs: { student: logits(variables, batch.x) }, updates: prefixed(path, { ...batch }) };
      },
    },
    ascend: {
      inputs: {},
      run(variables) {
        const { x, labels, adversarial } = batchOf(variables);
        const { epsilon } = recipe.attack;
        const moved = signStep((image) => crossEntropyLoss(logits(variables, image), labels), x, adversarial, {
          epsilon,
          stepSize: epsilon / 4,
        });
        return { updates: { [`${path}adversarial`]: moved } };
      },
    },
    outcome: {
      inputs: {},
      run(variables) {
        const { adversarial } = batchOf(variables);
        // In evaluation mode, also where the method has it answer in training mode: held-out images lie together by class, and
        // the statistics of a batch of one class or two are no statistics of images.
        const teacher = networksOver(method, networks)(variables, 'folded').robustTeacher;
        const answers = robustTeacher && method.teachers.robust ? { robustTeacher: teacher.evaluate(adversarial) } : {};
        return { outputs: { student: logits(variables, adversarial), ...answers } };
      },
    },
  };
};
