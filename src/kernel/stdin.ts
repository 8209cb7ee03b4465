import { createRequire } from 'node:module';
import { Readable } from 'node:stream';
import { UserError } from '../errors.js';

const refusal = (): UserError =>
  new UserError(
    'a cell asked for input, but this kernel has no keyboard: put the value into the cell, or read it from a file',
  );

/** What `process.stdin` gives: streams that end with the refusal once they are read. */
const refused = new WeakSet();

const createInput = (): Readable => {
  const input = new Readable({
    read() {
      this.destroy(refusal());
    },
  });
  refused.add(input);
  return input;
};

interface Questioner {
  question: (this: { readonly input?: Readable }, ...given: unknown[]) => unknown;
}

/** `question` of one of Node's two modules for lines: it waits for an answer without looking at the input's end. */
const refuseQuestions = (prototype: Questioner): void => {
  const { question } = prototype;
  prototype.question = function (...given) {
    if (this.input && refused.has(this.input)) {
      // Its own refusal, which nobody awaits, is not needed any more.
      this.input.destroy();
      throw refusal();
    }
    return question.apply(this, given);
  };
};

/** Whoever reads the standard input, or asks a question, is told at once that no answer will come. */
export const refuseInput = (): void => {
  Object.defineProperty(process, 'stdin', { configurable: true, enumerable: true, get: createInput });
  Object.defineProperty(globalThis, 'prompt', {
    configurable: true,
    writable: true,
    value: () => {
      throw refusal();
    },
  });
  const require = createRequire(import.meta.url);
  for (const name of ['node:readline', 'node:readline/promises']) {
    refuseQuestions((require(name) as { Interface: { prototype: Questioner } }).Interface.prototype);
  }
};
