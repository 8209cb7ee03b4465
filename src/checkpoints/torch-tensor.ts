import { bytesPerElement, sizeOfShape, tensorOfBytes } from './state-dict.js';
import type { StoredTensor } from './state-dict.js';
import { spanOf } from './torch-pickle.js';
import type { TorchTensor } from './torch-pickle.js';

/** Whether the elements of the view lie one after the other, row-major. */
const isContiguous = ({ shape, strides }: TorchTensor): boolean => {
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i]! !== 1 && strides[i]! !== step) return false;
    step *= shape[i]!;
  }
  return true;
};

/**
 * The elements that a tensor shows of its storage, contiguous: a transposed, sliced or expanded view is copied in order.
 * @param storage the bytes of the whole storage
 */
export const readView = (tensor: TorchTensor, storage: Uint8Array, littleEndian: boolean): StoredTensor => {
  const { dtype, shape, strides, offset } = tensor;
  const width = bytesPerElement(dtype);
  const span = storage.subarray(offset * width, (offset + spanOf(shape, strides)) * width);
  if (shape.includes(0) || isContiguous(tensor)) return tensorOfBytes(dtype, shape, span, { littleEndian });

  const bytes = new Uint8Array(sizeOfShape(shape) * width);
  const index = shape.map(() => 0);
  let from = 0; // of the element that `index` names, in elements from the view's first
  for (let to = 0; to < bytes.length; to += width) {
    for (let i = 0; i < width; i++) bytes[to + i] = span[from * width + i]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= shape[axis]! * strides[axis]!;
      index[axis] = 0;
    }
  }
  return tensorOfBytes(dtype, shape, bytes, { littleEndian });
};
