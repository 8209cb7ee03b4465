import * as tf from '@tensorflow/tfjs-core';
import { UserError } from '../errors.js';
import { tensorflow } from './backend.js';
import type { Tensors } from './gradient.js';
import { createGraph } from './graph.js';
import { attribute, execute, type Attribute, type DataType } from './kernels.js';
import { keptProgram } from './kept-programs.js';
import type { Precision } from './precision.js';
import { record } from './recording.js';

/** Shape and type of an input. Shapes are fixed: a partial batch is filled up by the caller, and its surplus dropped. */
export interface TensorSpec {
  readonly shape: readonly number[];
  readonly dtype?: DataType;
}

/**
 * An update of a variable by a TensorFlow kernel that works in place, as optimisers have them: nothing is copied. The
 * kernel's inputs are the variable, `slots`, then `inputs`.
 */
export interface KernelUpdate {
  readonly kernel: string;
  /** Its attributes besides the type T. */
  readonly attributes: readonly Attribute[];
  /** Further variables that it changes, by name. */
  readonly slots: readonly string[];
  readonly inputs: readonly tf.Tensor[];
  /** What it does, in plain operations: the new values of the variable and of the slots, in order. */
  readonly plainly: (variable: tf.Tensor, ...slots: tf.Tensor[]) => readonly tf.Tensor[];
}

export interface FunctionResult {
  readonly outputs?: Tensors;
  /** New values of variables, by name. All are written after every read of the call. */
  readonly updates?: Readonly<Record<string, tf.Tensor | KernelUpdate>>;
}

/** A function of a program: from the program's variables and its own inputs to outputs and updates of variables. */
export interface ProgramFunction<I extends string = string> {
  readonly inputs: Readonly<Record<I, TensorSpec>>;
  readonly run: (variables: Tensors, inputs: Readonly<Record<I, tf.Tensor>>) => FunctionResult;
  /** What it computes in; variables, inputs and outputs are float32 always. Default: float32. */
  readonly precision?: Precision;
}

export interface ProgramOptions {
  /** Runs the functions kernel by kernel, as they are written, instead of as graphs. Default: CIARD_EAGER=1. */
  readonly eager?: boolean;
  /**
   * Names everything that the functions depend on but their variables: a program of the same key that was disposed of may
   * be taken in its place (`keepPrograms`). Default: none is.
   */
  readonly key?: string | undefined;
}

/**
 * Functions that share variables. Each is recorded once and runs as one TensorFlow graph; the variables (weights,
 * momentum buffers, running statistics) live in the session, so that a step moves images and losses alone.
 */
export interface Program<F extends Record<string, ProgramFunction>> {
  /** Runs a function. The outputs belong to the caller (or to the `tf.tidy` around the call). */
  call<K extends keyof F & string>(name: K, inputs: Readonly<Record<keyof F[K]['inputs'], tf.Tensor>>): Tensors;
  /** Copies of variables, by name; all of them by default. They belong to the caller. */
  read(names?: readonly string[]): Record<string, tf.Tensor>;
  /** Sets variables. */
  write(values: Tensors): void;
  /** Frees the session. */
  dispose(): void;
}

const isKernel = (update: tf.Tensor | KernelUpdate): update is KernelUpdate => !(update instanceof tf.Tensor);

const checkTensor = (
  what: string,
  tensor: tf.Tensor | undefined,
  shape: readonly number[],
  dtype: string,
): tf.Tensor => {
  if (!(tensor instanceof tf.Tensor)) throw new UserError(`${what} is missing.`);
  if (tensor.dtype !== dtype || tensor.shape.join() !== shape.join()) {
    throw new UserError(
      `${what} is ${tensor.dtype} [${tensor.shape.join(', ')}], but the program was made for ${dtype} [${shape.join(', ')}]. ` +
        'Shapes are fixed when a program is made: fill a partial batch up, or make another program.',
    );
  }
  return tensor;
};

const unknownVariable = (name: string): UserError => new UserError(`program: there is no variable ${name}.`);

const eagerProgram = <F extends Record<string, ProgramFunction>>(initial: Tensors, functions: F): Program<F> => {
  const variables = Object.fromEntries(
    Object.entries(initial).map(([name, tensor]) => [name, tf.keep(tensor.clone())] as const),
  );
  const replace = (name: string, value: tf.Tensor): void => {
    const old = variables[name];
    if (!old) throw unknownVariable(name);
    variables[name] = tf.keep(checkTensor(`program: the new value of ${name}`, value, old.shape, old.dtype).clone());
    old.dispose();
  };
  return {
    call(name, inputs) {
      const definition = functions[name]!;
      for (const [input, spec] of Object.entries(definition.inputs)) {
        checkTensor(`${name}: ${input}`, inputs[input], spec.shape, spec.dtype ?? 'float32');
      }
      return tf.tidy(() => {
        const { outputs = {}, updates = {} } = definition.run(variables, inputs);
        // An output may be a variable as it was before the updates.
        const results = Object.fromEntries(Object.entries(outputs).map(([key, tensor]) => [key, tensor.clone()]));
        for (const [target, update] of Object.entries(updates)) {
          if (!isKernel(update)) {
            replace(target, update);
            continue;
          }
          const changed = [target, ...update.slots];
          for (const slot of update.slots) if (!variables[slot]) throw unknownVariable(slot);
          const [variable, ...slots] = changed.map((one) => variables[one]!);
          update.plainly(variable!, ...slots).forEach((value, i) => {
            replace(changed[i]!, value);
          });
        }
        return results;
      });
    },
    read: (names = Object.keys(variables)) =>
      Object.fromEntries(
        names.map((name) => {
          const tensor = variables[name];
          if (!tensor) throw unknownVariable(name);
          return [name, tensor.clone()];
        }),
      ),
    write(values) {
      for (const [name, tensor] of Object.entries(values)) replace(name, tensor);
    },
    dispose() {
      for (const tensor of Object.values(variables)) tensor.dispose();
    },
  };
};

/** How a recorded function is called: what it is fed, and what is fetched of it. */
interface Signature {
  readonly inputs: readonly { readonly name: string; readonly output: string; readonly spec: TensorSpec }[];
  readonly outputs: readonly string[];
  readonly fetches: readonly string[];
}

const indexed = (output: string): string => (output.includes(':') ? output : `${output}:0`);
const nodeOf = (output: string): string => output.replace(/:\d+$/, '');

const graphProgram = <F extends Record<string, ProgramFunction>>(initial: Tensors, functions: F): Program<F> => {
  const graph = createGraph();
  const variables = new Map(
    Object.entries(initial).map(([name, { shape, dtype }]) => [
      name,
      { handle: graph.variable(name, dtype as DataType, shape), shape, dtype: dtype as DataType },
    ]),
  );
  const variableOf = (name: string): { handle: string; shape: number[]; dtype: DataType } => {
    const variable = variables.get(name);
    if (!variable) throw unknownVariable(name);
    return variable;
  };
  const readNode = (scope: string, name: string): string => {
    const { handle, dtype } = variableOf(name);
    return graph.node(scope, 'ReadVariableOp', [attribute.type('dtype', dtype)], [handle]);
  };
  // A side effect has no output of its own: a constant that waits for it is fetched in its place.
  const afterAll = (scope: string, nodes: readonly string[]): string =>
    graph.node(
      scope,
      'Identity',
      [attribute.type('T', 'int32')],
      [graph.constant(scope, 'int32', [], Int32Array.of(nodes.length)), ...nodes.map((node) => `^${node}`)],
    );

  const recordFunction = (scope: string, { inputs: specs, run, precision }: ProgramFunction): Signature => {
    tf.engine().startScope();
    try {
      const inputs = Object.entries(specs).map(([name, spec]) => ({
        name,
        spec,
        output: graph.placeholder(scope, spec.dtype ?? 'float32', spec.shape),
        // Any values do: what is recorded is what is done with them.
        example: tf.zeros([...spec.shape], spec.dtype ?? 'float32'),
      }));
      const sources = new Map<tf.Tensor, string>(inputs.map(({ example, output }) => [example, output]));
      const reads = new Map<string, string>();
      const views: Record<string, tf.Tensor> = {};
      for (const [name, tensor] of Object.entries(initial)) {
        const output = readNode(scope, name);
        reads.set(name, output);
        // A copy of its own: two variables may have been given the same tensor.
        const view = execute('Identity', [attribute.type('T', tensor.dtype as DataType)], tensor);
        views[name] = view;
        sources.set(view, output);
      }
      const { result, outputOf } = record(
        graph,
        scope,
        sources,
        () => run(views, Object.fromEntries(inputs.map(({ name, example }) => [name, example]))),
        precision,
      );
      const outputs = Object.entries(result.outputs ?? {}).map(([name, tensor]) => ({
        name,
        // Through an Identity, since what is fed can't be fetched as it is.
        node: graph.node(scope, 'Identity', [attribute.type('T', tensor.dtype as DataType)], [outputOf(tensor)]),
      }));
      const effects = Object.entries(result.updates ?? {}).map(([name, update]) => {
        const { handle, dtype, shape } = variableOf(name);
        // The read comes first: the function is to see the values from before the call.
        const after = [`^${nodeOf(reads.get(name)!)}`];
        if (isKernel(update)) {
          const slots = update.slots.map((slot) => variableOf(slot).handle);
          const slotsRead = update.slots.map((slot) => `^${nodeOf(reads.get(slot)!)}`);
          return graph.node(
            scope,
            update.kernel,
            [attribute.type('T', dtype), ...update.attributes],
            [handle, ...slots, ...update.inputs.map(outputOf), ...after, ...slotsRead],
          );
        }
        checkTensor(`${scope}: the new value of ${name}`, update, shape, dtype);
        return graph.node(
          scope,
          'AssignVariableOp',
          [attribute.type('dtype', dtype)],
          [handle, outputOf(update), ...after],
        );
      });
      const fetches = outputs.map(({ node }) => node);
      if (effects.length > 0) fetches.push(afterAll(scope, effects));
      return {
        inputs: inputs.map(({ name, spec, output }) => ({ name, spec, output: indexed(output) })),
        outputs: outputs.map(({ name }) => name),
        fetches: fetches.map(indexed),
      };
    } finally {
      tf.engine().endScope();
    }
  };

  const signatures = Object.fromEntries(
    Object.entries(functions).map(([name, definition]) => [name, recordFunction(name, definition)]),
  );
  const accessors = new Map(
    [...variables].map(([name, { handle, shape, dtype }]) => {
      const value = graph.placeholder('write', dtype, shape);
      // A copy: what is fed shares its memory with an array of the host, and the variable is updated in place.
      const copy = graph.node('write', 'DeepCopy', [attribute.type('T', dtype)], [value]);
      const assign = graph.node('write', 'AssignVariableOp', [attribute.type('dtype', dtype)], [handle, copy]);
      return [
        name,
        { value: indexed(value), written: indexed(afterAll('write', [assign])), read: indexed(readNode('read', name)) },
      ] as const;
    }),
  );

  const backend = tensorflow();
  let session: number | undefined = graph.load();
  const run = (inputs: readonly tf.Tensor[], names: readonly string[], fetches: readonly string[]): tf.Tensor[] => {
    if (session === undefined) throw new Error('program: it was disposed');
    return backend.binding
      .runSavedModel(session, backend.getInputTensorIds(inputs), names.join(), fetches.join())
      .map((handle) => backend.createOutputTensor(handle));
  };

  const program: Program<F> = {
    call(name, inputs) {
      const signature = signatures[name];
      if (!signature) throw new Error(`program: there is no function ${name}`);
      const fed = signature.inputs.map(({ name: input, spec }) =>
        checkTensor(`${name}: ${input}`, inputs[input], spec.shape, spec.dtype ?? 'float32'),
      );
      const results = run(
        fed,
        signature.inputs.map(({ output }) => output),
        signature.fetches,
      );
      if (results.length > signature.outputs.length) results.pop()!.dispose();
      return Object.fromEntries(signature.outputs.map((output, i) => [output, results[i]!]));
    },
    read(names = [...variables.keys()]) {
      if (names.length === 0) return {};
      for (const name of names) variableOf(name);
      const values = run(
        [],
        [],
        names.map((name) => accessors.get(name)!.read),
      );
      return Object.fromEntries(names.map((name, i) => [name, values[i]!]));
    },
    write(values) {
      const entries = Object.entries(values);
      if (entries.length === 0) return;
      for (const [name, tensor] of entries) {
        const { shape, dtype } = variableOf(name);
        checkTensor(`program: the new value of ${name}`, tensor, shape, dtype);
      }
      const done = run(
        entries.map(([, tensor]) => tensor),
        entries.map(([name]) => accessors.get(name)!.value),
        entries.map(([name]) => accessors.get(name)!.written),
      );
      for (const tensor of done) tensor.dispose();
    },
    dispose() {
      if (session === undefined) return;
      backend.binding.deleteSavedModel(session);
      session = undefined;
    },
  };
  program.write(initial);
  return program;
};

/** Whether programs run kernel by kernel unless they are told otherwise: CIARD_EAGER=1, for debugging. */
export const eagerByDefault = (): boolean => process.env['CIARD_EAGER'] === '1';

/**
 * Makes a program of functions over shared variables.
 * @param initial the variables' first values; they stay the caller's
 * @throws UserError where a function does what can't be recorded
 */
export const createProgram = <F extends Record<string, ProgramFunction>>(
  initial: Tensors,
  functions: F,
  { eager = eagerByDefault(), key }: ProgramOptions = {},
): Program<F> => {
  if (eager) {
    if (Object.values(functions).some(({ precision }) => precision === 'bf16')) {
      throw new UserError(
        'bf16 is a precision of recorded graphs; kernel by kernel (CIARD_EAGER=1) all is float32. Leave one of the two out.',
      );
    }
    return eagerProgram(initial, functions);
  }
  const create = (): Program<F> => graphProgram(initial, functions);
  return key === undefined ? create() : keptProgram(key, initial, create);
};
