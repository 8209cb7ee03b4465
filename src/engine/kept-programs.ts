import type { Tensors } from './gradient.js';
import type { Program, ProgramFunction } from './program.js';

let most = 0;
/**
 * Programs that were let go, the last one last, for whoever wants the same functions over other values: to record a
 * training's functions takes a second or two. A process that makes many networks of a kind asks for it by `keepPrograms`.
 */
const kept: { readonly key: string; readonly program: Program<Record<string, ProgramFunction>> }[] = [];

const shrink = (): void => {
  while (kept.length > most) kept.shift()!.program.dispose();
};

/** Keeps at most `count` programs from now on. 0, as at first, keeps none and frees those that are kept. */
export const keepPrograms = (count: number): void => {
  most = count;
  shrink();
};

/** What tells a program's functions and variables apart, where `key` names all that its functions are made of. */
const fullKey = (key: string, initial: Tensors): string =>
  JSON.stringify([key, Object.entries(initial).map(([name, { dtype, shape }]) => [name, dtype, shape])]);

/**
 * A program of that key that was kept, with these values, or the one that `create` makes. When it is disposed of it is kept.
 * @param key names everything that the functions depend on but their variables
 */
export const keptProgram = <F extends Record<string, ProgramFunction>>(
  key: string,
  initial: Tensors,
  create: () => Program<F>,
): Program<F> => {
  if (most === 0) return create();
  const full = fullKey(key, initial);
  const at = kept.findLastIndex((each) => each.key === full);
  const found = at < 0 ? undefined : (kept.splice(at, 1)[0]!.program as unknown as Program<F>);
  if (found) {
    try {
      found.write(initial);
    } catch (error) {
      found.dispose();
      throw error;
    }
  }
  const program = found ?? create();
  let isHeld = true;
  const held = (): Program<F> => {
    if (!isHeld) throw new Error('program: it was disposed');
    return program;
  };
  return {
    call: (name, inputs) => held().call(name, inputs),
    read: (names) => held().read(names),
    write: (values) => {
      held().write(values);
    },
    dispose() {
      if (!isHeld) return;
      isHeld = false;
      kept.push({ key: full, program });
      shrink();
    },
  };
};
