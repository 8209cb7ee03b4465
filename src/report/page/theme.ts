import type { Layout } from 'plotly.js';
import type { Figure } from '../../figures/figure.js';
import { gridColour, ink, paper } from '../../figures/theme.js';

/** The colours of a figure on the page, in place of the house's for print. */
const dark = { paper: '#16181c', ink: '#c9ccd1', grid: '#33373d' };

const inDark = (value: unknown): unknown => {
  if (value === ink) return dark.ink;
  if (value === paper) return dark.paper;
  if (value === gridColour) return dark.grid;
  if (Array.isArray(value)) return value.map(inDark);
  if (value !== null && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, inDark(part)]));
  }
  return value;
};

/** Lines of at most so many characters, as plotly breaks them. */
const wrap = (text: string, characters: number): string[] => {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < characters) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
};

/** The box under the pointer with lines that fit: it is cut where it is wider than its figure. */
const wrapHover = (template: string, characters: number): string =>
  template
    .split('<br>')
    .flatMap((line) => (line.replace('<extra></extra>', '').length > characters ? wrap(line, characters) : [line]))
    .join('<br>');

/** A figure as it is drawn on a page of these colours, `width` pixels wide. */
export const fitFigure = ({ data, layout }: Figure, isDark: boolean, width: number): Figure => {
  const themed = isDark ? (inDark({ data, layout }) as Figure) : { data, layout };
  const isNarrow = width < 520;
  // Beside the points names would cover one another: the legend has them.
  const isNamed = isNarrow && themed.data.some(({ mode }) => mode === 'text+markers');
  const drawn = isNamed
    ? themed.data.map((trace) =>
        trace.mode === 'text+markers' ? { ...trace, mode: 'markers' as const, showlegend: true } : trace,
      )
    : themed.data;
  const hovered = drawn.map((trace) =>
    typeof trace.hovertemplate === 'string'
      ? { ...trace, hovertemplate: wrapHover(trace.hovertemplate, Math.floor(width / (isNarrow ? 6 : 8))) }
      : trace,
  );
  const left = isNarrow ? 52 : 70;
  const title = wrap(layout.title?.text ?? '', Math.floor((width - left) / 9));
  const subtitle = wrap(
    (layout.title?.subtitle as { text?: string } | undefined)?.text ?? '',
    Math.floor((width - left) / 6.8),
  );
  const top = 34 + 22 * title.length + (subtitle.join('') === '' ? 0 : 17 * subtitle.length);
  const entries = drawn.filter(({ showlegend, name }) => showlegend !== false && name !== undefined);
  const isShown = isNamed || (themed.layout.showlegend ?? entries.length > 1);
  // Entries of a legend below stand in rows: on a narrow page they would leave no room for the plot.
  const columns = Math.max(1, Math.floor(width / 220));
  const rows = isShown ? Math.ceil(entries.length / columns) : 0;
  const height = (layout.height ?? 440) + Math.max(0, top - 72) + 19 * Math.max(0, rows - 1);
  const sizes: Partial<Layout> = {
    height,
    width,
    autosize: false,
    showlegend: isShown,
    ...(isNarrow ? { hoverlabel: { ...themed.layout.hoverlabel, align: 'left', font: { size: 9 } } } : {}),
    margin: { l: left, r: isNarrow ? 10 : 24, t: top, b: 60 },
    title: {
      ...themed.layout.title,
      text: title.join('<br>'),
      ...(subtitle.join('') === ''
        ? {}
        : { subtitle: { ...(themed.layout.title?.subtitle as object | undefined), text: subtitle.join('<br>') } }),
    },
  };
  return { data: hovered, layout: { ...themed.layout, ...sizes } };
};
