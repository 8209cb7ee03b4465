import { useContext, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Data } from 'plotly.js';
import type { Figure } from '../../figures/figure.js';
import { plainText, tableOfFigure } from '../../figures/figure-table.js';
import { DataTable } from './data-table.js';
import { plotly } from './plotly.js';
import { Previews } from './previews.js';
import { save } from './save.js';
import { fitFigure } from './theme.js';

/** Pixels of a page in landscape between its margins: wider figures are printed smaller. */
export const printWidth = 960;

interface FigureCardProps {
  /** Of its files. */
  readonly name: string;
  readonly figure: Figure;
  readonly isDark: boolean;
  /** Pixels below which it can't be read: on a narrower page it is scrolled. */
  readonly leastWidth?: number;
}

/** A figure with its files and, beneath it, its table. It is drawn when it comes near to the screen. */
export const FigureCard = ({ name, figure, isDark, leastWidth = 260 }: FigureCardProps) => {
  const place = useRef<HTMLDivElement>(null);
  const [isNear, setNear] = useState(false);
  const [width, setWidth] = useState(0);
  const [isOpen, setOpen] = useState(false);
  const preview = useContext(Previews)(name, figure);
  useEffect(() => {
    const element = place.current!;
    const near = new IntersectionObserver(
      (entries) => {
        if (entries.some(({ isIntersecting }) => isIntersecting)) setNear(true);
      },
      { rootMargin: '600px' },
    );
    near.observe(element);
    const sizes = new ResizeObserver(() => {
      setWidth(Math.floor(element.clientWidth));
    });
    sizes.observe(element);
    const all = (): void => {
      setNear(true);
    };
    addEventListener('beforeprint', all);
    // A browser prints what is drawn when it is asked to: the rest is drawn soon, but after what is looked at.
    const later = setTimeout(all, 3000);
    return () => {
      clearTimeout(later);
      near.disconnect();
      sizes.disconnect();
      removeEventListener('beforeprint', all);
      plotly().purge(element);
    };
  }, []);
  const fitted = useMemo(
    () => fitFigure(figure, isDark, Math.max(width, leastWidth)),
    [figure, isDark, width, leastWidth],
  );
  useEffect(() => {
    if (!isNear || width === 0) return;
    if (!place.current!.hasAttribute('data-drawn')) place.current!.textContent = '';
    void plotly()
      .react(place.current!, [...fitted.data] as Data[], fitted.layout, {
        displaylogo: false,
        showSendToCloud: false,
        responsive: false,
        displayModeBar: 'hover',
        modeBarButtonsToRemove: ['toImage', 'select2d', 'lasso2d', 'autoScale2d'],
      })
      .then(() => {
        performance.mark('figure drawn');
        place.current?.setAttribute('data-drawn', '');
      });
  }, [fitted, isNear, width]);
  const title = plainText(figure.layout.title?.text ?? name);
  const subtitle = (figure.layout.title?.subtitle as { text?: string } | undefined)?.text;
  const download = async (format: 'svg' | 'png'): Promise<void> => {
    const { data, layout } = fitFigure(figure, false, 900);
    const address = await plotly().toImage(
      { data: [...data] as Data[], layout },
      { format, width: 900, height: layout.height ?? 480, scale: format === 'png' ? 2 : 1 },
    );
    const content = address.slice(address.indexOf(',') + 1);
    const isBase64 = address.slice(0, address.indexOf(',')).endsWith(';base64');
    const bytes = isBase64
      ? Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0))
      : new TextEncoder().encode(decodeURIComponent(content));
    save(`${name}.${format}`, new Blob([bytes], { type: format === 'svg' ? 'image/svg+xml' : 'image/png' }));
  };
  return (
    <figure class="card" aria-label={subtitle === undefined ? title : `${title}: ${subtitle}`}>
      <div
        ref={place}
        class="plot"
        data-figure={name}
        {...(width > 0 && width < leastWidth
          ? { tabIndex: 0, role: 'region', 'aria-label': `${title}, scrolled` }
          : {})}
        style={{
          minHeight: `${fitted.layout.height ?? 440}px`,
          '--print-zoom': Math.min(1, printWidth / Math.max(width, leastWidth)),
        }}
        {...(preview === undefined ? {} : { dangerouslySetInnerHTML: { __html: preview } })}
      />
      <div class="actions">
        {(['svg', 'png'] as const).map((format) => (
          <button
            key={format}
            type="button"
            class="quiet"
            onClick={() => {
              void download(format);
            }}
          >
            {format.toUpperCase()}
            <span class="unseen"> of {title}</span>
          </button>
        ))}
      </div>
      <details
        open={isOpen}
        onToggle={(event) => {
          setOpen(event.currentTarget.open);
        }}
      >
        <summary>The figure as a table</summary>
        {isOpen ? <DataTable name={name} table={tableOfFigure(figure)} /> : null}
      </details>
    </figure>
  );
};
