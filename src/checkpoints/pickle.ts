/**
 * A strict interpreter of Python's pickle machine that runs no code. A pickle is a program for a small stack machine; what
 * makes it dangerous is that it may name any Python function and call it. Here a function is what `findGlobal` knows,
 * written in TypeScript; every other name is refused by that name before anything is called. Only the opcodes are
 * known that `torch.save` produces with protocols 1 to 5.
 *
 * Python's values become: None null, bool boolean, int number (bigint beyond 2⁵³), float number, str string, bytes
 * Uint8Array, list and tuple Array, dict Map, set Set. Attributes that BUILD sets on a dict are dropped.
 *
 * Opcodes: https://github.com/python/cpython/blob/3.13/Lib/pickletools.py
 */
import type { UserError } from '../errors.js';

/** A Python function or class that a pickle may name. Without `call` it is a bare value, such as a dtype. */
export interface PickleGlobal {
  readonly kind: 'global';
  readonly name: string;
  readonly call?: (args: readonly unknown[]) => unknown;
}

export interface UnpickleOptions {
  /** The known global of that name; undefined: it is refused. */
  readonly findGlobal: (name: string) => PickleGlobal | undefined;
  /** The value of a persistent id: what the file keeps outside the pickle. */
  readonly loadPersistent: (id: unknown) => unknown;
  /** The error that refuses the file for `reason`. */
  readonly refuse: (reason: string) => UserError;
}

/** The longest pickle that is read. The one of a network with 1,000 tensors has .2 MB. */
export const pickleLimit = 16 * 2 ** 20;

/**
 * What a pickle may use at most. One byte can ask for an object of hundreds, so size alone does not bound memory.
 * Real files stay far below: pickle writes dicts and lists in batches of 1,000, and a tensor takes five containers.
 */
const limits = { opcodes: 5_000_000, containers: 500_000, memo: 1_000_000, stack: 20_000, marks: 500, line: 1_000 };

/** Opcodes that exist and are refused: old text forms, the extension registry, buffers outside the file. */
const refusedOpcodes: ReadonlyMap<number, string> = new Map(
  Object.entries({
    PERSID: 'P',
    INT: 'I',
    LONG: 'L',
    FLOAT: 'F',
    STRING: 'S',
    UNICODE: 'V',
    GET: 'g',
    PUT: 'p',
    DICT: 'd',
    LIST: 'l',
    OBJ: 'o',
    DUP: '2',
    EXT1: '\x82',
    EXT2: '\x83',
    EXT4: '\x84',
    NEXT_BUFFER: '\x97',
    READONLY_BUFFER: '\x98',
  }).map(([name, code]) => [code.charCodeAt(0), name]),
);

const isGlobal = (value: unknown): value is PickleGlobal =>
  typeof value === 'object' && value !== null && (value as { kind?: unknown }).kind === 'global';

/** What a value is, for messages. Never its contents: they can be huge or contain themselves. */
const kindOf = (value: unknown): string => {
  if (value === null) return 'None';
  if (isGlobal(value)) return value.name;
  if (Array.isArray(value)) return 'a list or tuple';
  if (value instanceof Map) return 'a dict';
  if (value instanceof Set) return 'a set';
  if (value instanceof Uint8Array) return 'bytes';
  if (typeof value === 'object' && 'kind' in value) return `a ${String(value.kind)}`;
  return `a ${typeof value}`;
};

/** Two's complement, little-endian, of any length. */
const integerOfBytes = (bytes: Uint8Array): number | bigint => {
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).reverse();
  const value = BigInt.asIntN(8 * bytes.length, BigInt(`0x${digits.join('') || '0'}`));
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
};

/** The elements that a function may copy or walk through. */
const lengthOf = (value: unknown): number =>
  Array.isArray(value) ? value.length : value instanceof Map || value instanceof Set ? value.size : 0;

/**
 * Runs the pickle that begins at `start` of `bytes`.
 * @returns its value, and where the byte after its STOP is
 * @throws UserError (of `refuse`) where it names an unknown global, uses an unknown opcode, is malformed, or exceeds a limit
 */
export const unpickle = (
  bytes: Uint8Array,
  { findGlobal, loadPersistent, refuse }: UnpickleOptions,
  start = 0,
): { value: unknown; end: number } => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const stack: unknown[] = [];
  const marks: number[] = [];
  const memo = new Map<number, unknown>();
  let at = start;
  let opcodes = 0;
  let containers = 0;

  /** The position of the next `length` bytes, which are consumed. */
  const take = (length: number): number => {
    if (length > bytes.length - at)
      throw refuse(
        bytes.length - at > 256 || length > 256
          ? `an opcode at byte ${at} of the pickle claims ${length} bytes, and ${bytes.length - at} are left`
          : `the pickle ends in the middle of an opcode at byte ${at}`,
      );
    at += length;
    return at - length;
  };
  const takeBytes = (length: number): Uint8Array => {
    const from = take(length);
    return bytes.subarray(from, from + length);
  };
  const takeLength64 = (): number => {
    const length = view.getBigUint64(take(8), true);
    if (length > BigInt(bytes.length))
      throw refuse(
        `an opcode at byte ${at} of the pickle claims ${length.toString()} bytes, and ${bytes.length - at} are left`,
      );
    return Number(length);
  };
  const text = (raw: Uint8Array): string => {
    try {
      return utf8.decode(raw);
    } catch {
      throw refuse(`a string at byte ${at - raw.length} of the pickle is not UTF-8`);
    }
  };
  const takeLine = (): string => {
    const end = bytes.subarray(at, at + limits.line).indexOf('\n'.charCodeAt(0));
    if (end < 0) throw refuse(`a name at byte ${at} of the pickle does not end`);
    const line = text(takeBytes(end));
    at++;
    return line;
  };

  const push = (value: unknown): void => {
    if (stack.length >= limits.stack) throw refuse(`the pickle's stack grows beyond ${limits.stack} values`);
    stack.push(value);
  };
  const charge = (count: number): void => {
    containers += count;
    if (containers > limits.containers)
      throw refuse(`the pickle makes or copies more than ${limits.containers} values`);
  };
  /** Pushes a value that takes memory beyond its bytes in the pickle. */
  const pushContainer = (value: unknown): void => {
    charge(1);
    push(value);
  };
  const floor = (): number => marks.at(-1) ?? 0;
  const pop = (): unknown => {
    if (stack.length <= floor()) throw refuse(`the pickle takes a value from an empty stack at byte ${at - 1}`);
    return stack.pop();
  };
  const top = (): unknown => {
    if (stack.length <= floor()) throw refuse(`the pickle wants a value on an empty stack at byte ${at - 1}`);
    return stack.at(-1);
  };
  const popMark = (): unknown[] => {
    const mark = marks.pop();
    if (mark === undefined) throw refuse(`the pickle takes a mark that was not set at byte ${at - 1}`);
    return stack.splice(mark);
  };
  const remember = (index: number): void => {
    if (memo.size >= limits.memo) throw refuse(`the pickle's memo grows beyond ${limits.memo} values`);
    memo.set(index, top());
  };
  const recall = (index: number): void => {
    if (!memo.has(index)) throw refuse(`the pickle recalls value ${index}, which it never kept`);
    push(memo.get(index));
  };
  const global = (module: string, name: string): PickleGlobal => {
    const found = findGlobal(`${module}.${name}`);
    if (!found)
      throw refuse(
        `it asks Python for ${JSON.stringify(`${module}.${name}`)}, which is neither a tensor nor a plain container, and nothing of a file is ever run. Where you trust it, in PyTorch: torch.save(model.state_dict(), …)`,
      );
    return found;
  };
  const call = (target: unknown, args: unknown): void => {
    if (!isGlobal(target)) throw refuse(`it calls ${kindOf(target)} as if that were a function`);
    if (!target.call) throw refuse(`it calls ${JSON.stringify(target.name)}, which is not a function`);
    if (!Array.isArray(args))
      throw refuse(`it calls ${JSON.stringify(target.name)} with ${kindOf(args)} for its arguments`);
    // A large value kept in the memo could be copied again and again at a few bytes each.
    for (const arg of args) charge(lengthOf(arg));
    pushContainer(target.call(args));
  };
  const append = (items: readonly unknown[]): void => {
    const list = top();
    if (!Array.isArray(list)) throw refuse(`it appends to ${kindOf(list)} as if that were a list`);
    for (const item of items) list.push(item);
  };
  const setItems = (items: readonly unknown[]): void => {
    const dict = top();
    if (!(dict instanceof Map)) throw refuse(`it sets items of ${kindOf(dict)} as if that were a dict`);
    if (items.length % 2 === 1) throw refuse(`it sets a key without a value`);
    for (let i = 0; i < items.length; i += 2) dict.set(items[i], items[i + 1]);
  };

  for (;;) {
    if (++opcodes > limits.opcodes) throw refuse(`the pickle has more than ${limits.opcodes} opcodes`);
    const opcode = bytes[take(1)]!;
    switch (opcode) {
      case 0x80: {
        const protocol = bytes[take(1)]!;
        if (protocol > 5) throw refuse(`its pickle has protocol ${protocol}; known are those up to 5`);
        break;
      }
      case 0x95: // FRAME: how much to buffer; reading from memory needs no hint
        if (takeLength64() > bytes.length - at) throw refuse(`a frame of the pickle is longer than the pickle`);
        break;
      case 0x2e: {
        // STOP .
        const value = pop();
        if (stack.length > 0 || marks.length > 0) throw refuse('the pickle ends with values left on its stack');
        return { value, end: at };
      }

      // Values
      case 0x4e: // NONE N
        push(null);
        break;
      case 0x88: // NEWTRUE
        push(true);
        break;
      case 0x89: // NEWFALSE
        push(false);
        break;
      case 0x4a: // BININT J
        push(view.getInt32(take(4), true));
        break;
      case 0x4b: // BININT1 K
        push(bytes[take(1)]);
        break;
      case 0x4d: // BININT2 M
        push(view.getUint16(take(2), true));
        break;
      case 0x8a: // LONG1
        push(integerOfBytes(takeBytes(bytes[take(1)]!)));
        break;
      case 0x8b: {
        // LONG4
        const length = view.getInt32(take(4), true);
        throw refuse(`it has an integer of ${length} bytes (LONG4)`);
      }
      case 0x47: // BINFLOAT G
        push(view.getFloat64(take(8), false));
        break;
      case 0x8c: // SHORT_BINUNICODE
      case 0x55: // SHORT_BINSTRING U: a str of Python 2
        push(text(takeBytes(bytes[take(1)]!)));
        break;
      case 0x58: // BINUNICODE X
      case 0x54: // BINSTRING T: a str of Python 2
        push(text(takeBytes(view.getUint32(take(4), true))));
        break;
      case 0x8d: // BINUNICODE8
        push(text(takeBytes(takeLength64())));
        break;
      case 0x43: // SHORT_BINBYTES C
        pushContainer(takeBytes(bytes[take(1)]!));
        break;
      case 0x42: // BINBYTES B
        pushContainer(takeBytes(view.getUint32(take(4), true)));
        break;
      case 0x8e: // BINBYTES8
      case 0x96: // BYTEARRAY8
        pushContainer(takeBytes(takeLength64()));
        break;

      // Containers
      case 0x5d: // EMPTY_LIST ]
      case 0x29: // EMPTY_TUPLE )
        pushContainer([]);
        break;
      case 0x7d: // EMPTY_DICT }
        pushContainer(new Map());
        break;
      case 0x8f: // EMPTY_SET
        pushContainer(new Set());
        break;
      case 0x28: // MARK (
        if (marks.length >= limits.marks) throw refuse(`its values are nested more than ${limits.marks} deep`);
        marks.push(stack.length);
        break;
      case 0x74: // TUPLE t
        pushContainer(popMark());
        break;
      case 0x85: // TUPLE1
        pushContainer([pop()]);
        break;
      case 0x86: {
        // TUPLE2
        const last = pop();
        pushContainer([pop(), last]);
        break;
      }
      case 0x87: {
        // TUPLE3
        const last = pop();
        const second = pop();
        pushContainer([pop(), second, last]);
        break;
      }
      case 0x91: // FROZENSET
        pushContainer(new Set(popMark()));
        break;
      case 0x61: // APPEND a
        append([pop()]);
        break;
      case 0x65: // APPENDS e
        append(popMark());
        break;
      case 0x73: {
        // SETITEM s
        const value = pop();
        setItems([pop(), value]);
        break;
      }
      case 0x75: // SETITEMS u
        setItems(popMark());
        break;
      case 0x90: {
        // ADDITEMS
        const items = popMark();
        const set = top();
        if (!(set instanceof Set)) throw refuse(`it adds items to ${kindOf(set)} as if that were a set`);
        for (const item of items) set.add(item);
        break;
      }

      // Stack and memo
      case 0x30: // POP 0
        pop();
        break;
      case 0x31: // POP_MARK 1
        popMark();
        break;
      case 0x71: // BINPUT q
        remember(bytes[take(1)]!);
        break;
      case 0x72: // LONG_BINPUT r
        remember(view.getUint32(take(4), true));
        break;
      case 0x94: // MEMOIZE
        remember(memo.size);
        break;
      case 0x68: // BINGET h
        recall(bytes[take(1)]!);
        break;
      case 0x6a: // LONG_BINGET j
        recall(view.getUint32(take(4), true));
        break;

      // What Python would import and call
      case 0x63: {
        // GLOBAL c
        const module = takeLine();
        push(global(module, takeLine()));
        break;
      }
      case 0x93: {
        // STACK_GLOBAL
        const name = pop();
        const module = pop();
        if (typeof module !== 'string' || typeof name !== 'string')
          throw refuse('it names a global by something that is not text');
        push(global(module, name));
        break;
      }
      case 0x69: {
        // INST i: names a class and makes an instance at once, which no tensor needs
        const module = takeLine();
        throw refuse(`it makes an instance of ${JSON.stringify(`${module}.${takeLine()}`)} (INST)`);
      }
      case 0x52: // REDUCE R
      case 0x81: {
        // NEWOBJ: the same for the classes that are known
        const args = pop();
        call(pop(), args);
        break;
      }
      case 0x92: {
        // NEWOBJ_EX
        const keywords = pop();
        const args = pop();
        if (!(keywords instanceof Map) || keywords.size > 0)
          throw refuse('it calls with keyword arguments (NEWOBJ_EX)');
        call(pop(), args);
        break;
      }
      case 0x62: {
        // BUILD b: sets the attributes of an object; PyTorch does so for the versions that an OrderedDict carries
        const state = pop();
        const target = top();
        if (!(target instanceof Map)) throw refuse(`it sets the state of ${kindOf(target)} (BUILD)`);
        if (!(state instanceof Map)) throw refuse(`it sets the state of a dict to ${kindOf(state)} (BUILD)`);
        break;
      }
      case 0x51: // BINPERSID Q
        push(loadPersistent(pop()));
        break;

      default: {
        const name = refusedOpcodes.get(opcode) ?? `0x${opcode.toString(16).padStart(2, '0')}`;
        throw refuse(`its pickle has the opcode ${name} at byte ${at - 1}, which torch.save doesn't write`);
      }
    }
  }
};
