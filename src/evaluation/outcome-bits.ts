import { UserError } from '../errors.js';

/**
 * An outcome (1 where an image is right, else 0) as text: a bit an image, the first image the highest bit of the first
 * byte, as `numpy.unpackbits` reads them; the last byte filled up with zeros; base64. 10,000 images are 1,250 bytes.
 * It runs in a browser too.
 */
export const packOutcome = (outcome: Uint8Array): string => {
  const bytes = new Uint8Array(Math.ceil(outcome.length / 8));
  outcome.forEach((right, image) => {
    if (right !== 0 && right !== 1) {
      throw new RangeError(`an outcome holds 0 and 1 alone, but image ${image} has ${right}`);
    }
    bytes[image >> 3]! |= right << (7 - (image & 7));
  });
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
};

/**
 * The outcome of `length` images that `packOutcome` made a text of.
 * @throws UserError where the text is not that of so many images
 */
export const unpackOutcome = (packed: string, length: number): Uint8Array => {
  let text: string | undefined;
  try {
    text = atob(packed);
  } catch {
    text = undefined;
  }
  const wanted = Math.ceil(length / 8);
  if (text?.length !== wanted) {
    throw new UserError(
      `an outcome of ${length} images is ${wanted} bytes in base64, but ` +
        `${text === undefined ? 'this is no base64' : `this is ${text.length} bytes`}: it is damaged, or of other images.`,
    );
  }
  const bit = (image: number): number => (text.charCodeAt(image >> 3) >> (7 - (image & 7))) & 1;
  for (let image = length; image < 8 * wanted; image++) {
    if (bit(image) === 1)
      throw new UserError(`an outcome of ${length} images has bits behind the last: it is damaged.`);
  }
  return Uint8Array.from({ length }, (_, image) => bit(image));
};
