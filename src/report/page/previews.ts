import { createContext } from 'preact';
import type { Figure } from '../../figures/figure.js';

/** What stands in the place of a figure until it is drawn: SVG, where the page was written with it. */
export const Previews = createContext<(name: string, figure: Figure) => string | undefined>(() => undefined);
