import * as tf from '@tensorflow/tfjs-core';
import { createProgram, eagerByDefault, type Program, type ProgramFunction, type TensorSpec } from './program.js';
import type { DataType } from './kernels.js';

/** An argument or a result: a tensor, or an array or a record of such. Numbers, booleans and strings are constants. */
export type Structure =
  | tf.Tensor
  | number
  | boolean
  | string
  | null
  | undefined
  | readonly Structure[]
  | { readonly [name: string]: Structure };

export interface Compiled<A extends readonly unknown[], R> {
  (...args: A): R;
  /** Frees the recorded graphs. */
  dispose(): void;
  /** How many input signatures were recorded. */
  readonly signatures: number;
}

/** `structure` with every tensor replaced by what `replace` returns for it; the paths are 'x', 'x.weights.0', … */
const mapTensors = (
  structure: unknown,
  path: string,
  replace: (tensor: tf.Tensor, path: string) => unknown,
): unknown => {
  if (structure instanceof tf.Tensor) return replace(structure as tf.Tensor, path);
  if (Array.isArray(structure)) return structure.map((part, i) => mapTensors(part, `${path}.${i}`, replace));
  if (structure !== null && typeof structure === 'object') {
    return Object.fromEntries(
      Object.entries(structure).map(([name, part]) => [name, mapTensors(part, `${path}.${name}`, replace)]),
    );
  }
  return structure;
};

type Recorded = Program<Record<'call', ProgramFunction>>;

/**
 * Makes `f` run as one TensorFlow graph: the counterpart of Python's tf.function. The first call with an input signature
 * (structure, shapes, types, and the values of what is no tensor) runs `f` once and records it; further calls with the
 * same signature run the graph. Every tensor that `f` sees must be among its arguments.
 *
 * @throws UserError where `f` does what can't be recorded (reads a value, uses a tensor that is no argument)
 */
export const compile = <A extends readonly Structure[], R extends Structure>(
  f: (...args: A) => R,
  options: { readonly eager?: boolean } = {},
): Compiled<A, R> => {
  const programs = new Map<string, { program: Recorded; template: unknown }>();
  const call = (...args: A): R => {
    if (options.eager ?? eagerByDefault()) return tf.tidy(() => f(...args) as never);
    const inputs: Record<string, tf.Tensor> = {};
    const specs: Record<string, TensorSpec> = {};
    const key = JSON.stringify(
      mapTensors(args, 'argument', (tensor, path) => {
        inputs[path] = tensor;
        specs[path] = { shape: tensor.shape, dtype: tensor.dtype as DataType };
        return { tensor: `${tensor.dtype}[${tensor.shape.join()}]` };
      }),
    );
    let recorded = programs.get(key);
    if (!recorded) {
      let template: unknown;
      const program = createProgram<Record<'call', ProgramFunction>>(
        {},
        {
          call: {
            inputs: specs,
            run(_variables, given) {
              const outputs: Record<string, tf.Tensor> = {};
              const result = f(...(mapTensors(args, 'argument', (_, path) => given[path]!) as A));
              template = mapTensors(result, 'result', (tensor, path) => {
                outputs[path] = tensor;
                return tensor;
              });
              return { outputs };
            },
          },
        },
        { eager: false },
      );
      // The tensors of the recording are gone; what stays is where each of them stood.
      recorded = { program, template: mapTensors(template, 'result', (_, path) => new Slot(path)) };
      programs.set(key, recorded);
    }
    const outputs = recorded.program.call('call', inputs);
    return fill(recorded.template, outputs) as R;
  };
  return Object.defineProperties(call as Compiled<A, R>, {
    dispose: {
      value: () => {
        for (const { program } of programs.values()) program.dispose();
        programs.clear();
      },
    },
    signatures: { get: () => programs.size },
  });
};

/** Where a tensor stands in a result. */
class Slot {
  constructor(readonly path: string) {}
}

const fill = (template: unknown, outputs: Readonly<Record<string, tf.Tensor>>): unknown => {
  if (template instanceof Slot) return outputs[template.path];
  if (Array.isArray(template)) return template.map((part) => fill(part, outputs));
  if (template !== null && typeof template === 'object') {
    return Object.fromEntries(Object.entries(template).map(([name, part]) => [name, fill(part, outputs)]));
  }
  return template;
};
