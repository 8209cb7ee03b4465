import type { PlotData } from 'plotly.js';
import type { EpochRow } from '../training/run-state.js';
import { axis, createFigure, percent, percentAxis, type FigureTitle } from './create-figure.js';
import type { Figure } from './figure.js';
import { ink, seriesColours, seriesStyle } from './theme.js';

export interface TrainingCurvesOptions extends Partial<FigureTitle> {
  /** Epochs of the whole run, so that one under way shows how far it is. Default: those that are done. */
  readonly epochs?: number | undefined;
  /** The epoch that selection chose; it is ringed. */
  readonly chosen?: number | undefined;
}

/** Terms take the colours that the accuracies leave. */
const termStyle = (index: number): { colour: string; dash: ReturnType<typeof seriesStyle>['dash'] } => ({
  colour: seriesColours[2 + (index % (seriesColours.length - 2))]!,
  dash: seriesStyle(index + 1).dash,
});

/** Whether a value has none beside it: as a line it would not be seen. */
const standsAlone = (values: readonly (number | null)[]): boolean =>
  values.some((value, i) => value !== null && (values[i - 1] ?? null) === null && (values[i + 1] ?? null) === null);

/** The terms of a history in the order in which they come up; the loss, which they add up to, first. */
const termNames = (history: readonly EpochRow[]): string[] => {
  const names = new Set(history.flatMap(({ terms }) => Object.keys(terms)));
  return [...(names.has('loss') ? ['loss'] : []), ...[...names].filter((name) => name !== 'loss')];
};

/**
 * A run by epoch: at the left the loss and its terms (means over the epoch), at the right the accuracies on the held-out
 * images, clean and attacked, where an epoch was validated. An empty history gives empty axes.
 */
export const trainingCurvesFigure = (
  history: readonly EpochRow[],
  { title = 'Training', subtitle, epochs, chosen }: TrainingCurvesOptions = {},
): Figure => {
  const byEpoch = history.map(({ epoch }) => epoch);
  const terms = termNames(history).map((name, index): Partial<PlotData> => {
    const { colour, dash } = name === 'loss' ? { colour: ink, dash: 'solid' as const } : termStyle(index - 1);
    const values = history.map((row) => row.terms[name] ?? null);
    return {
      type: 'scatter',
      // One epoch makes no line.
      mode: history.length === 1 ? 'markers' : standsAlone(values) ? 'lines+markers' : 'lines',
      name,
      x: byEpoch,
      y: values,
      line: { color: colour, dash, width: name === 'loss' ? 3 : 2 },
      marker: { color: colour },
      hovertemplate: `${name} %{y:.4g}<extra>epoch %{x}</extra>`,
    };
  });
  // Without a trace an axis would not be drawn.
  const placeholder: Partial<PlotData> = { type: 'scatter', mode: 'lines', x: [], y: [], showlegend: false };
  const validated = history.flatMap(({ epoch, validation }) => (validation ? [{ epoch, ...validation }] : []));
  const accuracies = (['clean', 'robust'] as const).map((kind, index): Partial<PlotData> => {
    const { colour, symbol, dash } = seriesStyle(index);
    return {
      type: 'scatter',
      mode: 'lines+markers',
      name: kind === 'clean' ? 'clean accuracy' : 'accuracy under attack',
      x: validated.map(({ epoch }) => epoch),
      y: validated.map((row) => percent(row[kind])),
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
    y: ringed.flatMap(({ clean, robust }) => [percent(clean), percent(robust)]),
    xaxis: 'x2',
    yaxis: 'y2',
    marker: { color: ink, symbol: 'circle-open', size: 15, line: { width: 2 } },
    hoverinfo: 'skip',
  };
  const last = Math.max(epochs ?? 0, ...byEpoch, 1);
  const distance = [1, 2, 5, 10, 20, 25, 50, 100].find((step) => last / step <= 8) ?? 100;
  const epochAxis = {
    range: [last > 1 ? 1 - 0.03 * (last - 1) : 0.5, last > 1 ? last + 0.03 * (last - 1) : 1.5],
    tick0: 0,
    dtick: distance,
  };
  return createFigure(
    [...(terms.length > 0 ? terms : [placeholder]), ...accuracies, ...(ringed.length > 0 ? [rings] : [])],
    { title, subtitle },
    {
      xaxis: axis('Epoch', { ...epochAxis, domain: [0, 0.44], anchor: 'y' }),
      yaxis: axis('Loss and its terms (nats)', { rangemode: 'tozero', anchor: 'x' }),
      xaxis2: axis('Epoch', { ...epochAxis, domain: [0.56, 1], anchor: 'y2' }),
      yaxis2: percentAxis(
        'Held-out accuracy',
        validated.flatMap(({ clean, robust }) => [percent(clean), percent(robust)]),
        { anchor: 'x2' },
      ),
      showlegend: true,
    },
  );
};
