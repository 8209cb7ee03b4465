import type { PlotData } from 'plotly.js';
import {
  axis,
  createFigure,
  intervalBars,
  inPercent,
  percentAxis,
  withWhiskers,
  type FigureTitle,
  type Measured,
} from './create-figure.js';
import type { Figure } from './figure.js';
import { networkStyles, type NamedNetwork } from './network-style.js';

/** A network under attacks of several radii. */
export interface EpsilonSeries extends NamedNetwork {
  /** `epsilon` in image units (8/255); 0 is the clean accuracy. */
  readonly points: readonly { readonly epsilon: number; readonly accuracy: Measured }[];
}

export interface EpsilonCurveOptions extends Partial<FigureTitle> {
  /** The attack's name as a reader knows it: 'PGD-20'. */
  readonly attack: string;
}

/**
 * Accuracy under an attack against the radius of its ball, a line a network. What is really robust falls to nothing only
 * as the ball grows large; accuracy that stays up for ever speaks of masked gradients.
 */
export const epsilonCurveFigure = (
  series: readonly EpsilonSeries[],
  { title = 'Accuracy by radius', subtitle, attack }: EpsilonCurveOptions,
): Figure => {
  const styles = networkStyles(series);
  const data = series.map(({ label, points }, index): Partial<PlotData> => {
    const sorted = [...points].sort((a, b) => a.epsilon - b.epsilon);
    const { colour, symbol, dash } = styles[index]!;
    return {
      type: 'scatter',
      mode: 'lines+markers',
      name: label,
      x: sorted.map(({ epsilon }) => inPixelSteps(epsilon)),
      y: sorted.map(({ accuracy }) => inPercent(accuracy.value)),
      error_y: { ...intervalBars(sorted.map(({ accuracy }) => accuracy)), color: colour },
      line: { color: colour, dash, width: 2 },
      marker: { color: colour, symbol, size: 8 },
      hovertemplate: `${label}<br>ε = %{x:.3~g}/255: %{y:.2f} %<extra></extra>`,
    };
  });
  const radii = series.flatMap(({ points }) => points.map(({ epsilon }) => inPixelSteps(epsilon)));
  const widest = Math.max(1, ...radii);
  const distance = [1, 2, 4, 8, 16, 32].find((step) => widest / step <= 10) ?? 64;
  const accuracies = series.flatMap(({ points }) =>
    points.flatMap(({ accuracy: { value, interval = [value, value] } }) => interval.map(inPercent)),
  );
  return createFigure(
    data,
    {
      title,
      subtitle: withWhiskers(
        subtitle,
        series.flatMap(({ points }) => points.map(({ accuracy }) => accuracy)),
      ),
    },
    {
      xaxis: axis('Radius ε of the L∞ ball (1/255)', {
        range: [-0.02 * widest, 1.03 * widest],
        tick0: 0,
        dtick: distance,
      }),
      yaxis: percentAxis(`Accuracy under ${attack}`, [0, ...accuracies]),
      showlegend: series.length > 1,
    },
  );
};

/** A radius in steps of a pixel's byte; 8/255 is 8. */
const inPixelSteps = (epsilon: number): number => Math.round(epsilon * 255 * 1000) / 1000;
