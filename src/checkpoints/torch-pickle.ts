/**
 * What the pickles of `torch.save` may name, and what becomes of it: storages, and tensors that are views of them.
 * The forms are those of PyTorch's torch/serialization.py and torch/_utils.py, from 0.2 to 2.x.
 */
import type { UserError } from '../errors.js';
import type { PickleGlobal, UnpickleOptions } from './pickle.js';
import { bytesPerElement, dtypes, shapeText } from './state-dict.js';
import type { DType } from './state-dict.js';

/** A run of elements that the file keeps under `key`, outside the pickle. */
export interface TorchStorage {
  readonly kind: 'storage';
  readonly key: string;
  readonly dtype: DType;
  /** The elements of the whole storage. */
  readonly size: number;
}

/** A tensor that is not read yet: element [i, j, …] is the storage's element offset + i·strides[0] + j·strides[1] + … */
export interface TorchTensor {
  readonly kind: 'tensor';
  readonly storage: TorchStorage;
  readonly dtype: DType;
  /** In elements of `dtype`, as the strides are. */
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** A file of `torch.save` whose pickle was read and whose storages were not yet. */
export interface TorchContents {
  readonly format: 'zip' | 'legacy';
  readonly value: unknown;
  readonly littleEndian: boolean;
  readonly readStorage: (storage: TorchStorage) => Promise<Uint8Array>;
}

const storageDTypes: Readonly<Record<string, DType>> = {
  'torch.DoubleStorage': 'float64',
  'torch.FloatStorage': 'float32',
  'torch.HalfStorage': 'float16',
  'torch.BFloat16Storage': 'bfloat16',
  'torch.LongStorage': 'int64',
  'torch.IntStorage': 'int32',
  'torch.ShortStorage': 'int16',
  'torch.CharStorage': 'int8',
  'torch.ByteStorage': 'uint8',
  'torch.BoolStorage': 'bool',
  // Untyped ones count bytes; the tensor names its dtype itself.
  'torch.UntypedStorage': 'uint8',
  'torch.storage.UntypedStorage': 'uint8',
  'torch.storage._UntypedStorage': 'uint8',
};

/** The dimensions of a tensor, at most: PyTorch's own limit. */
const dimensionLimit = 64;

// What a pickle itself can make are arrays, maps, sets and bytes: it can't forge an object with a `kind`.
const hasKind = (value: unknown, kind: string): boolean =>
  typeof value === 'object' && value !== null && (value as { kind?: unknown }).kind === kind;

export const isTorchTensor = (value: unknown): value is TorchTensor => hasKind(value, 'tensor');
const isStorage = (value: unknown): value is TorchStorage => hasKind(value, 'storage');
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const areLengths = (value: unknown): value is number[] =>
  Array.isArray(value) && value.length <= dimensionLimit && value.every(isCount);

/** The elements from the first to the last that a view touches, both included. 0 for an empty one. */
export const spanOf = (shape: readonly number[], strides: readonly number[]): number =>
  shape.includes(0) ? 0 : shape.reduce((span, length, i) => span + (length - 1) * strides[i]!, 1);

/**
 * How to run a pickle of `torch.save`, and the storages that it has named so far, by key.
 * @param refuse makes the error that refuses the file for a reason
 */
export const torchPickle = (
  refuse: (reason: string) => UserError,
): { options: UnpickleOptions; storages: ReadonlyMap<string, TorchStorage> } => {
  const globals = new Map<string, PickleGlobal>();
  const storages = new Map<string, TorchStorage>();
  const define = (name: string, call?: PickleGlobal['call']): PickleGlobal => {
    const global: PickleGlobal = { kind: 'global', name, ...(call && { call }) };
    globals.set(name, global);
    return global;
  };

  const wrongCall = (name: string): UserError =>
    refuse(`it calls ${JSON.stringify(name)} with arguments that PyTorch never gives`);

  const dict = (name: string) => {
    define(name, ([items = []]) => {
      if (items instanceof Map) return new Map(items);
      if (!Array.isArray(items)) throw wrongCall(name);
      return new Map(
        items.map((pair: unknown) => {
          if (!Array.isArray(pair) || pair.length !== 2) throw wrongCall(name);
          return pair as [unknown, unknown];
        }),
      );
    });
  };
  dict('collections.OrderedDict');
  dict('collections.Counter'); // milestones of a learning rate schedule

  for (const name of ['builtins.set', '__builtin__.set'])
    define(name, ([items = []]) => {
      if (!Array.isArray(items)) throw wrongCall(name);
      return new Set(items);
    });
  define('torch.Size', ([lengths = []]) => {
    if (!areLengths(lengths)) throw wrongCall('torch.Size');
    return [...lengths];
  });
  define('torch.device', () => ({ kind: 'device' }));

  const storageTypes = new Map<unknown, DType>();
  for (const [name, dtype] of Object.entries(storageDTypes)) storageTypes.set(define(name), dtype);
  const dtypeGlobals = new Map<unknown, DType>();
  for (const dtype of dtypes) dtypeGlobals.set(define(`torch.${dtype}`), dtype);

  const tensor = (name: string, args: readonly unknown[], dtype?: DType): TorchTensor => {
    const [storage, offset, shape, strides] = args;
    if (
      !isStorage(storage) ||
      !isCount(offset) ||
      !areLengths(shape) ||
      !areLengths(strides) ||
      shape.length !== strides.length
    )
      throw wrongCall(name);
    const type = dtype ?? storage.dtype;
    const room = (storage.size * bytesPerElement(storage.dtype)) / bytesPerElement(type);
    const end = offset + spanOf(shape, strides);
    if (!(end <= room))
      throw refuse(`a tensor of shape ${shapeText(shape)} reaches element ${end} of a storage of ${room}`);
    return { kind: 'tensor', storage, dtype: type, offset, shape: [...shape], strides: [...strides] };
  };
  // Conjugate and negative bits: a view whose values differ from its storage's.
  const refuseBits = (metadata: unknown): void => {
    if (metadata instanceof Map ? metadata.size > 0 : metadata !== undefined && metadata !== null)
      throw refuse('a tensor is a lazily conjugated or negated view (call resolve_neg() before saving)');
  };
  define('torch._utils._rebuild_tensor', (args) => tensor('torch._utils._rebuild_tensor', args));
  define('torch._utils._rebuild_tensor_v2', (args) => {
    refuseBits(args[6]);
    return tensor('torch._utils._rebuild_tensor_v2', args);
  });
  define('torch._utils._rebuild_tensor_v3', (args) => {
    const name = 'torch._utils._rebuild_tensor_v3';
    const dtype = dtypeGlobals.get(args[6]);
    if (!dtype) throw wrongCall(name);
    refuseBits(args[7]);
    return tensor(name, args, dtype);
  });
  for (const name of ['torch._utils._rebuild_parameter', 'torch._utils._rebuild_parameter_with_state'])
    define(name, ([data]) => {
      if (!isTorchTensor(data)) throw wrongCall(name);
      return data;
    });

  const loadPersistent = (id: unknown): TorchStorage => {
    if (!Array.isArray(id) || id[0] !== 'storage')
      throw refuse(
        'it holds a persistent id that is not a storage (a whole pickled module, perhaps). In PyTorch: torch.save(model.state_dict(), …)',
      );
    const [, type, key, , size, viewed] = id as unknown[];
    const dtype = storageTypes.get(type);
    if (!dtype || typeof key !== 'string' || !isCount(size))
      throw refuse('it holds a storage that is not described as PyTorch describes one');
    if (viewed !== undefined && viewed !== null)
      throw refuse('it holds a view of a storage, a form that PyTorch gave up in 0.4');
    const known = storages.get(key);
    if (known && (known.dtype !== dtype || known.size !== size))
      throw refuse(`it describes the storage '${key}' in two ways`);
    const storage = known ?? ({ kind: 'storage', key, dtype, size } as const);
    storages.set(key, storage);
    return storage;
  };

  return { options: { findGlobal: (name) => globals.get(name), loadPersistent, refuse }, storages };
};
