import { z } from 'zod';

/** A strict object whose error for a name that it does not have says which it has. */
export const strict = <Shape extends z.ZodRawShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> =>
  z.strictObject(shape, {
    error: ({ code, keys }) => {
      if (code !== 'unrecognized_keys') return undefined;
      const known = Object.keys(shape);
      return (
        `there is no ${keys.join(', ')}: ` +
        (known.length > 0 ? `known are ${known.join(', ')}` : 'nothing can be set here')
      );
    },
  });
