import type { Layout, PlotData } from 'plotly.js';
import type { EpochRow } from '../training/run-state.js';
import { axis, createFigure, epochAxis, inPercent, percentAxis, type FigureTitle } from './create-figure.js';
import type { Figure } from './figure.js';
import { assignLooks } from './looks.js';
import { termUnits, unitOfTerm } from './terms.js';
import { ink, seriesStyle, type SeriesStyle } from './theme.js';

export interface TrainingCurvesOptions extends Partial<FigureTitle> {
  /** Epochs of the whole run, so that one under way shows how far it is. Default: those that are done. */
  readonly epochs?: number | undefined;
  /** The epoch that selection chose; it is ringed. */
  readonly chosen?: number | undefined;
}

/** What is of clean images and what is of attacked ones has the colour of the accuracy on them. */
const lookOfTerm: Readonly<Record<string, number>> = {
  natural: 0,
  adversarial: 1,
  push: 2,
  teacher: 3,
  introspection: 4,
  wrong: 2,
  trust: 4,
};

const termTitles: Readonly<Record<string, string>> = {
  teacher: "robust teacher's loss",
  wrong: 'clean teacher is wrong',
  trust: 'trust in the teacher',
};

/** 'weightAdversarial' in words. */
const termTitle = (term: string): string =>
  termTitles[term] ?? term.replace(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

const lossStyle: Pick<SeriesStyle, 'colour' | 'dash'> = { colour: ink, dash: 'solid' };

const termStyles = (terms: readonly string[]): Pick<SeriesStyle, 'colour' | 'dash'>[] => {
  const others = terms.filter((term) => term !== 'loss');
  const styles = assignLooks(
    others.map((term) => lookOfTerm[term.replace(/^(?:weight|temperature)/, '').toLowerCase() || term]),
  );
  return terms.map((term) => (term === 'loss' ? lossStyle : styles[others.indexOf(term)]!));
};

/** Whether a value has none beside it: as a line it would not be seen. */
const standsAlone = (values: readonly (number | null)[]): boolean =>
  values.some((value, i) => value !== null && (values[i - 1] ?? null) === null && (values[i + 1] ?? null) === null);

/** The terms of a history in the order in which they come up; the loss, which they add up to, first. */
const termNames = (history: readonly EpochRow[]): string[] => {
  const names = new Set(history.flatMap(({ terms }) => Object.keys(terms)));
  return [...(names.has('loss') ? ['loss'] : []), ...[...names].filter((name) => name !== 'loss')];
};

/** Pixels that a further panel adds, and those of them that lie between two panels. */
const panelHeight = 240;
const panelGap = 75;
/** Pixels of a figure's height that are no plot. */
const frame = 150;

/**
 * A run by epoch: at the left the loss and its terms (means over the epoch), what has another unit in a panel of its own
 * below; at the right the accuracies on the held-out images, clean and attacked, where an epoch was validated. An empty
 * history gives empty axes.
 */
export const trainingCurvesFigure = (
  history: readonly EpochRow[],
  { title = 'Training', subtitle, epochs, chosen }: TrainingCurvesOptions = {},
): Figure => {
  const byEpoch = history.map(({ epoch }) => epoch);
  const last = Math.max(epochs ?? 0, ...byEpoch, 1);

  const names = termNames(history);
  const panels = [...termUnits].reverse().flatMap((each) => {
    const terms = names.filter((term) => unitOfTerm(term) === each);
    const title = `${each.title} (${each.unit})`;
    return terms.length > 0 || each === termUnits.at(-1) ? [{ title, scale: each.scale, terms }] : [];
  });
  const height = 440 + panelHeight * (panels.length - 1);
  const gap = panelGap / (height - frame);
  const share = (1 - gap * (panels.length - 1)) / panels.length;

  const terms = panels.flatMap(({ terms: inPanel, scale }, panel): Partial<PlotData>[] => {
    // Axes of number two are the accuracies'.
    const number = panel === 0 ? '' : String(panel + 2);
    const axes = { xaxis: `x${number}`, yaxis: `y${number}` } as const;
    // Without a trace an axis would not be drawn.
    if (inPanel.length === 0) return [{ type: 'scatter', mode: 'lines', x: [], y: [], showlegend: false, ...axes }];
    const styles = termStyles(inPanel);
    return inPanel.map((term, i) => {
      const { colour, dash } = styles[i]!;
      const values = history.map(({ terms: { [term]: value } }) => (value === undefined ? null : value * scale));
      const name = termTitle(term);
      return {
        type: 'scatter',
        // One epoch makes no line.
        mode: history.length === 1 ? 'markers' : standsAlone(values) ? 'lines+markers' : 'lines',
        name,
        x: byEpoch,
        y: values,
        line: { color: colour, dash, width: term === 'loss' ? 3 : 2 },
        marker: { color: colour },
        hovertemplate: `${name} %{y:.4g}<extra>epoch %{x}</extra>`,
        ...axes,
      };
    });
  });
  const termAxes = Object.assign(
    {},
    ...panels.map((quantity, panel): Partial<Layout> => {
      const number = panel === 0 ? '' : String(panel + 2);
      const top = 1 - panel * (share + gap);
      return {
        [`xaxis${number}`]: axis('Epoch', { ...epochAxis(last), domain: [0, 0.44], anchor: `y${number}` as 'y' }),
        [`yaxis${number}`]: axis(quantity.title, {
          rangemode: 'tozero',
          domain: [Math.max(0, top - share), top],
          anchor: `x${number}` as 'x',
        }),
      };
    }),
  ) as Partial<Layout>;

  const validated = history.flatMap(({ epoch, validation }) => (validation ? [{ epoch, ...validation }] : []));
  const accuracies = (['clean', 'robust'] as const).map((kind, index): Partial<PlotData> => {
    const { colour, symbol, dash } = seriesStyle(index);
    return {
      type: 'scatter',
      mode: 'lines+markers',
      name: kind === 'clean' ? 'clean accuracy' : 'accuracy under attack',
      x: validated.map(({ epoch }) => epoch),
      y: validated.map((row) => inPercent(row[kind])),
      xaxis: 'x2',
      yaxis: 'y2',
      line: { color: colour, dash, width: 2 },
      marker: { color: colour, symbol, size: 7 },
      showlegend: validated.length > 0,
      hovertemplate: `${kind} %{y:.2f} %<extra>epoch %{x}</extra>`,
    };
  });
  const ringed = validated.filter(({ epoch }) => epoch === chosen);
  const rings: Partial<PlotData> = {
    type: 'scatter',
    mode: 'markers',
    name: `chosen: epoch ${chosen ?? ''}`,
    x: ringed.flatMap(({ epoch }) => [epoch, epoch]),
    y: ringed.flatMap(({ clean, robust }) => [inPercent(clean), inPercent(robust)]),
    xaxis: 'x2',
    yaxis: 'y2',
    marker: { color: ink, symbol: 'circle-open', size: 15, line: { width: 2 } },
    hoverinfo: 'skip',
  };
  return createFigure(
    [...terms, ...accuracies, ...(ringed.length > 0 ? [rings] : [])],
    { title, subtitle },
    {
      ...termAxes,
      xaxis2: axis('Epoch', { ...epochAxis(last), domain: [0.56, 1], anchor: 'y2' }),
      yaxis2: percentAxis(
        'Held-out accuracy',
        validated.flatMap(({ clean, robust }) => [inPercent(clean), inPercent(robust)]),
        { anchor: 'x2' },
      ),
      height,
      showlegend: true,
    },
  );
};
