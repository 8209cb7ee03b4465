import { renderToString } from 'preact-render-to-string';
import type { Figure } from '../../figures/figure.js';
import type { Prerender } from '../data.js';
import { App } from './app.js';
import { Previews } from './previews.js';

/** What a reader sees while the script is read, and who runs none. */
export const prerender: Prerender = async (data, draw) => {
  const html = (preview: (name: string, figure: Figure) => string | undefined): string =>
    renderToString(
      <Previews.Provider value={preview}>
        <App data={data} laboratory={undefined} hash="" isDarkByDefault={false} />
      </Previews.Provider>,
    );
  const figures = new Map<string, Figure>();
  html((name, figure) => {
    figures.set(name, figure);
    return undefined;
  });
  // The first one is enough to look at until the script has drawn them all.
  const [first] = figures;
  if (!first) return html(() => undefined);
  const [drawn, figure] = first;
  const svg = await draw(figure);
  return html((name) => (name === drawn ? svg : undefined));
};
