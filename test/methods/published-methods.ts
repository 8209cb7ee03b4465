/** The methods of the papers' tables, in their order. The catalogue may hold others besides. */
export const publishedMethods = [
  'natural',
  'pgd-at',
  'trades',
  'ard',
  'iad',
  'rslad',
  'adaad',
  'mtard',
  'b-mtard',
  'ciard',
  'ciard-code',
] as const;
