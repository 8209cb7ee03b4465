import { render } from 'preact';
import type { Laboratory, ReportData } from '../data.js';
import { App } from './app.js';
import { Previews } from './previews.js';
import { unpack } from './unpack.js';

const place = document.getElementById('page')!;
const isDarkByDefault = matchMedia('(prefers-color-scheme: dark)').matches;

/** Figures that were drawn when the page was written, by name: they stay until they are drawn anew. */
const previewsIn = (element: HTMLElement): ReadonlyMap<string, string> =>
  new Map(
    [...element.querySelectorAll<HTMLElement>('[data-figure]')].flatMap((figure) =>
      figure.firstElementChild ? [[figure.dataset['figure']!, figure.innerHTML] as const] : [],
    ),
  );

const start = async (): Promise<void> => {
  try {
    const data = await unpack<ReportData>('data');
    const drawn = previewsIn(place);
    const show = (laboratory: Laboratory | null | undefined): void => {
      render(
        <Previews.Provider value={(name) => drawn.get(name)}>
          <App data={data} laboratory={laboratory} hash={location.hash} isDarkByDefault={isDarkByDefault} />
        </Previews.Provider>,
        place,
      );
    };
    place.textContent = '';
    place.hidden = false;
    show(undefined);
    place.removeAttribute('aria-busy');
    // The figures come first.
    show(await unpack<Laboratory | null>('laboratory'));
  } catch (error) {
    place.hidden = false;
    place.removeAttribute('aria-busy');
    place.textContent = `The report can't be shown: ${error instanceof Error ? error.message : String(error)}`;
    throw error;
  }
};
void start();
