import { assignLooks } from './looks.js';
import type { SeriesStyle } from './theme.js';

/**
 * The look of each method, the same in every figure: six colours, filled and hollow. Methods that build on one another
 * share a colour. A method of one's own is not known here; it takes a look that is free.
 */
const lookOfMethod: Readonly<Record<string, number>> = {
  natural: 0,
  'pgd-at': 1,
  trades: 7,
  ciard: 2,
  'ciard-code': 8,
  mtard: 3,
  'b-mtard': 9,
  ard: 4,
  iad: 10,
  rslad: 5,
  adaad: 11,
};

/** Networks that are called by what they do, not by what trained them: the usual teachers of CIARD. */
const lookOfRole: Readonly<Record<string, number>> = {
  'clean teacher': lookOfMethod['natural']!,
  'robust teacher': lookOfMethod['pgd-at']!,
};

/** A network as a figure knows it. */
export interface NamedNetwork {
  readonly label: string;
  /** The name of the method that trained it, which decides its colour. Default: the label, if it is such a name. */
  readonly method?: string | undefined;
}

/** How each of a figure's networks looks. A method of the library looks the same in every figure. */
export const networkStyles = (networks: readonly NamedNetwork[]): SeriesStyle[] =>
  assignLooks(
    networks.map(({ label, method }) => {
      const name = (method ?? label).toLowerCase();
      return lookOfMethod[name] ?? lookOfRole[name];
    }),
  );
