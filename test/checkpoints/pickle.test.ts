import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { UserError } from '../../src/errors.js';
import { unpickle } from '../../src/checkpoints/pickle.js';
import { torchPickle } from '../../src/checkpoints/torch-pickle.js';
import { bytesOf, dict, global, integer, pickle, text, tuple } from './torch-builder.js';

const run = (bytes: Uint8Array): unknown => {
  const { options } = torchPickle((reason) => new UserError(reason));
  return unpickle(bytes, options).value;
};

/** Refused for a reason that matches. */
const refuses = (bytes: Uint8Array, reason: RegExp, what = reason.source): void => {
  assert.throws(
    () => run(bytes),
    (error) => error instanceof UserError && reason.test(error.message),
    what,
  );
};

/** Code that would betray itself: the argument of each hostile call. */
const command = text('touch /ciard-was-here');

test('values of every opcode that torch.save writes', () => {
  const cases: [Uint8Array, unknown][] = [
    [pickle('N'), null],
    [pickle('\x88'), true],
    [pickle('J\xfe\xff\xff\xff'), -2],
    [pickle('K\xff'), 255],
    [pickle('M\x01\x02'), 0x201],
    [pickle('\x8a\x00'), 0],
    [pickle('\x8a\x01\xff'), -1],
    [pickle('\x8a\x02\xff\x00'), 255],
    [pickle('\x8a\x07\xff\xff\xff\xff\xff\xff\x1f'), 2 ** 53 - 1],
    [pickle('\x8a\x07\x00\x00\x00\x00\x00\x00\x20'), 2n ** 53n],
    [pickle('G\x3f\xf8\x00\x00\x00\x00\x00\x00'), 1.5],
    [pickle(text('\xc3\xa4\xef\xbb\xbf')), 'ä\ufeff'],
    [pickle('\x8c\x02ab'), 'ab'],
    [pickle('\x8d\x02\x00\x00\x00\x00\x00\x00\x00ab'), 'ab'],
    [pickle('U\x02ab'), 'ab'],
    [pickle('T\x02\x00\x00\x00ab'), 'ab'],
    [pickle('C\x02ab'), Uint8Array.of(97, 98)],
    [pickle('B\x01\x00\x00\x00a'), Uint8Array.of(97)],
    [pickle('\x8e\x01\x00\x00\x00\x00\x00\x00\x00a'), Uint8Array.of(97)],
    [pickle('](K\x01K\x02e'), [1, 2]],
    [pickle(']K\x01a'), [1]],
    [pickle(')'), []],
    [pickle('K\x01\x85'), [1]],
    [pickle('K\x01K\x02\x86'), [1, 2]],
    [pickle('K\x01K\x02K\x03\x87'), [1, 2, 3]],
    [pickle('(K\x01K\x02K\x03K\x04t'), [1, 2, 3, 4]],
    [pickle(dict(['a', 'K\x01'])), new Map([['a', 1]])],
    [pickle('}K\x01K\x02s'), new Map([[1, 2]])],
    [pickle('\x8f(K\x01K\x02\x90'), new Set([1, 2])],
    [pickle('(K\x01\x91'), new Set([1])],
    [pickle('K\x07q\x00h\x00\x86'), [7, 7]],
    [pickle('K\x07r\x00\x00\x00\xffj\x00\x00\x00\xff\x86'), [7, 7]],
    [pickle('\x95\x04\x00\x00\x00\x00\x00\x00\x00K\x07\x94h\x00\x86'), [7, 7]],
    [pickle('K\x01K\x020'), 1],
    [pickle('K\x01(K\x021'), 1],
    [pickle(global('collections', 'OrderedDict'), ')R'), new Map()],
    [pickle(global('collections', 'OrderedDict'), ')\x81'), new Map()],
    [pickle(global('collections', 'OrderedDict'), ')}\x92'), new Map()],
    [pickle('\x8c\x0bcollections\x8c\x0bOrderedDict\x93)R'), new Map()],
    // As Python 2 did: a list of lists of two.
    [pickle(global('collections', 'OrderedDict'), ']](', text('a'), 'K\x01ea\x85R'), new Map([['a', 1]])],
    [pickle(global('collections', 'OrderedDict'), ')R}(', text('_metadata'), '}ub'), new Map()],
    [pickle(global('torch', 'Size'), tuple(tuple(integer(2), integer(3))), 'R'), [2, 3]],
  ];
  for (const [bytes, value] of cases) assert.deepEqual(run(bytes), value, Buffer.from(bytes).toString('latin1'));
});

test('the value ends where its pickle ends, and the next one begins there', () => {
  const { options } = torchPickle((reason) => new UserError(reason));
  const two = bytesOf(pickle('K\x01'), pickle('K\x02'));
  const first = unpickle(two, options);
  assert.deepEqual(
    [first, unpickle(two, options, first.end)],
    [
      { value: 1, end: 5 },
      { value: 2, end: 10 },
    ],
  );
});

test('whatever would run code is refused by its name', () => {
  const call = (module: string, name: string): Uint8Array => pickle(global(module, name), tuple(command), 'R');
  const names: [string, string][] = [
    ['os', 'system'],
    ['posix', 'system'],
    ['nt', 'system'],
    ['subprocess', 'Popen'],
    ['builtins', 'eval'],
    ['builtins', 'exec'],
    ['builtins', 'getattr'],
    ['builtins', '__import__'],
    ['__builtin__', 'eval'],
    ['importlib', 'import_module'],
    ['pickle', 'loads'],
    ['torch', 'load'],
    ['torch.hub', 'load'],
    ['torch.serialization', 'load'],
    ['torch.jit', 'load'],
    ['torch._utils', '_import_dotted_name'],
    ['torch._utils', '_rebuild_sparse_tensor'],
    ['torch.storage', '_load_from_bytes'],
    ['torch', 'FloatStorage.from_file'],
    ['torch._utils', '_rebuild_tensor_v2.__globals__'],
    ['collections', 'OrderedDict.__init__'],
    ['collections', 'namedtuple'],
    ['numpy.core.multiarray', '_reconstruct'],
    ['_codecs', 'encode'],
    ['copyreg', '_reconstructor'],
    ['__main__', 'Net'],
    ['constructor', 'constructor'],
    ['', '__proto__'],
  ];
  for (const [module, name] of names) {
    const reason = new RegExp(`"${module}\\.${name.replaceAll('.', '\\.')}"`);
    refuses(call(module, name), reason);
    refuses(pickle(text(module), text(name), '\x93', tuple(command), 'R'), reason, `STACK_GLOBAL ${name}`);
    refuses(pickle('(', command, `i${module}\n${name}\n`), reason, `INST ${name}`);
    refuses(
      pickle(dict(['state_dict', '}'], ['x', call(module, name).subarray(2, -1)])),
      reason,
      `${name} among extras`,
    );
    // Naming it is enough: it need not be called.
    refuses(pickle(global(module, name)), reason, `mere ${name}`);
  }
  refuses(pickle('(', command, 'ios\nsystem\n'), /makes an instance of "os\.system" \(INST\)/);
  // Without the PROTO opcode and in the text form of protocol 0.
  refuses(bytesOf("cos\nsystem\n(S'id'\ntR."), /"os\.system"/);
});

test('known names can only be used as PyTorch uses them', () => {
  refuses(pickle(text('os.system'), tuple(command), 'R'), /calls a string as if that were a function/);
  refuses(
    pickle(global('torch', 'FloatStorage'), tuple(command), 'R'),
    /calls "torch\.FloatStorage", which is not a function/,
  );
  refuses(pickle(global('torch', 'float32'), ')\x81'), /calls "torch\.float32", which is not a function/);
  refuses(pickle(global('torch', 'Size'), 'K\x01R'), /calls "torch\.Size" with a number for its arguments/);
  refuses(
    pickle(global('torch', 'Size'), tuple(tuple(text('2'))), 'R'),
    /"torch\.Size" with arguments that PyTorch never gives/,
  );
  refuses(
    pickle(global('collections', 'OrderedDict'), tuple(tuple(integer(1))), 'R'),
    /"collections\.OrderedDict" with arguments/,
  );
  refuses(
    pickle(global('torch._utils', '_rebuild_tensor_v2'), ')R'),
    /"torch\._utils\._rebuild_tensor_v2" with arguments/,
  );
  refuses(
    pickle(global('torch._utils', '_rebuild_parameter'), tuple(integer(1)), 'R'),
    /_rebuild_parameter" with arguments/,
  );
  refuses(pickle(global('collections', 'OrderedDict'), ')', dict(['key', 'N']), '\x92'), /keyword arguments/);
  refuses(
    pickle(global('collections', 'OrderedDict'), dict(['__setstate__', command]), 'b'),
    /state of collections\.OrderedDict \(BUILD\)/,
  );
  refuses(pickle(']', dict(['__class__', command]), 'b'), /state of a list or tuple \(BUILD\)/);
  refuses(pickle('}', tuple(command), 'b'), /state of a dict to a list or tuple \(BUILD\)/);
  refuses(pickle('(', global('torch', 'Size'), command, 'o'), /opcode OBJ/);
  refuses(pickle('\x82\x01'), /opcode EXT1/);
  refuses(pickle('Pos.system\n'), /opcode PERSID/);
  refuses(pickle(command, 'Q'), /persistent id that is not a storage/);
  refuses(pickle(tuple(text('module'), global('torch', 'Size'), command, command), 'Q'), /a whole pickled module/);
  refuses(pickle('\xff'), /opcode 0xff at byte 2/);
});

test('a malformed pickle is refused', () => {
  const cases: [string, RegExp][] = [
    ['', /ends in the middle of an opcode/],
    ['\x80\x06.', /protocol 6/],
    ['\x80\x02', /ends in the middle/],
    ['.', /empty stack/],
    ['K\x01K\x02.', /values left on its stack/],
    ['K\x01(.', /empty stack/], // the mark hides what lies below it
    ['(K\x01.', /values left on its stack/],
    ['K\x01(\x85', /empty stack/],
    ['t', /mark that was not set/],
    ['h\x05', /recalls value 5/],
    ['q\x00', /wants a value on an empty stack/],
    ['K\x01K\x02a', /appends to a number/],
    ['](K\x01u', /sets items of a list or tuple/],
    ['}(K\x01u', /a key without a value/],
    ['](K\x01\x90', /adds items to a list or tuple/],
    ['K\x01K\x01\x93', /by something that is not text/],
    ['cos', /a name at byte 1 of the pickle does not end/],
    ['X\x01\x00\x00\x00\xff', /is not UTF-8/],
  ];
  for (const [code, reason] of cases) refuses(bytesOf(code), reason, JSON.stringify(code));
});

test('what claims or takes too much is refused', () => {
  refuses(pickle('X\xff\xff\xff\xff'), /claims 4294967295 bytes/);
  refuses(pickle('B\xff\xff\xff\xff'), /claims 4294967295 bytes/);
  refuses(pickle('\x8d\xff\xff\xff\xff\xff\xff\xff\xff'), /claims 18446744073709551615 bytes/);
  refuses(pickle('\x96\x00\x00\x00\x00\x01\x00\x00\x00'), /claims 4294967296 bytes/);
  refuses(pickle('\x95\xff\xff\xff\xff\xff\xff\xff\xff'), /claims 18446744073709551615 bytes/);
  refuses(pickle('\x8b\xff\xff\xff\x7f'), /an integer of 2147483647 bytes \(LONG4\)/);
  refuses(bytesOf('c', 'a'.repeat(5000), '\n'), /does not end/);
  refuses(pickle('('.repeat(100_000)), /nested more than 500 deep/);
  refuses(pickle(']'.repeat(100_000), 'a'.repeat(99_999)), /stack grows beyond/);
  refuses(pickle('N', '\x85'.repeat(1_000_000)), /makes or copies more than/);
  refuses(pickle('](', ']0'.repeat(600_000), 'e'), /makes or copies more than/);
  refuses(pickle('N', 'q\x00'.repeat(5_000_000)), /more than 5000000 opcodes/);
  const remembering = Uint8Array.from({ length: 5 * 1_000_001 }, (_, i) => {
    const index = Math.floor(i / 5);
    return ['r'.charCodeAt(0), index & 255, (index >> 8) & 255, index >> 16, 0][i % 5]!; // LONG_BINPUT
  });
  refuses(pickle('N', remembering), /memo grows beyond/);
  // A list of 10,000 values, kept once and copied 1,000 times at five bytes each.
  const list = bytesOf(']q\x00(', 'N'.repeat(10_000), 'e0', global('builtins', 'set'), 'q\x010');
  refuses(pickle(list, 'h\x01h\x00\x85R0'.repeat(1_000), 'N'), /makes or copies more than/);
});

test('a value that contains itself, and one that would be endless if written out, are only values', () => {
  const self = run(pickle(']q\x00h\x00a')) as unknown[];
  assert.equal(self[0], self);
  // Each list holds the one before it twice: 2⁶⁰ leaves in 60 lists.
  const doubling = Array.from({ length: 60 }, (_, i) => bytesOf('](h', [i], 'h', [i], 'eq', [i + 1]));
  refuses(pickle(']q\x00', bytesOf(...doubling)), /values left on its stack/);
  refuses(
    pickle(']q\x00', bytesOf(...doubling), 'N', global('torch', 'Size'), 'h\x3c\x85R'),
    /"torch\.Size" with arguments/,
  );
});

test('random programs end in a value or a refusal', () => {
  const opcodes = Array.from(
    '().01}]abeuqsthrjKMJGXUTCBNRQct\x80\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f\x90\x91\x92\x93\x94\x95\x96',
  );
  const piece = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...opcodes).map((opcode) => bytesOf(opcode)) },
    { weight: 2, arbitrary: fc.uint8Array({ maxLength: 4 }) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        text('a'),
        global('torch', 'Size'),
        global('collections', 'OrderedDict'),
        global('torch', 'FloatStorage'),
      ),
    },
    { weight: 1, arbitrary: fc.constant(global('torch._utils', '_rebuild_tensor_v2')) },
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      try {
        run(pickle(...pieces));
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
      }
    }),
    { numRuns: 3000 },
  );
});
