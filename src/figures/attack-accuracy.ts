import type { PlotData } from 'plotly.js';
import { attackColumn } from '../attacks/catalogue.js';
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
import { ink } from './theme.js';

/** A network and what is left of its accuracy under each attack. */
export interface AttackedNetwork extends NamedNetwork {
  /** By attack; 'clean' may be among them. */
  readonly attacks: Readonly<Record<string, Measured>>;
}

export interface AttackAccuracyOptions extends Partial<FigureTitle> {
  /** How attacks are called in the figure, by the names they have in `networks`. Default: as tables call them. */
  readonly attackTitles?: Readonly<Record<string, string>>;
}

/**
 * Accuracy by attack: a group of bars an attack, a bar a network, with its interval. Attacks stand in the order in which
 * the networks name them; one that a network was not put to leaves a gap.
 */
export const attackAccuracyFigure = (
  networks: readonly AttackedNetwork[],
  { title = 'Accuracy by attack', subtitle, attackTitles: given = {} }: AttackAccuracyOptions = {},
): Figure => {
  const attacks = [...new Set(networks.flatMap((network) => Object.keys(network.attacks)))];
  const titleOf = (attack: string): string => given[attack] ?? attackColumn(attack);
  const styles = networkStyles(networks);
  const data = networks.map(({ label, attacks: measured }, index): Partial<PlotData> => {
    const { colour, fill } = styles[index]!;
    const known = attacks.flatMap((attack) => {
      const accuracy = measured[attack];
      return accuracy ? [{ attack, accuracy }] : [];
    });
    return {
      type: 'bar',
      name: label,
      x: known.map(({ attack }) => titleOf(attack)),
      y: known.map(({ accuracy }) => inPercent(accuracy.value)),
      error_y: { ...intervalBars(known.map(({ accuracy }) => accuracy)), color: ink },
      marker: { color: fill, line: { color: colour, width: 1.5 } },
      hovertemplate: `${label}<br>%{x} %{y:.2f} %<extra></extra>`,
    };
  });
  const ends = networks.flatMap((network) =>
    Object.values(network.attacks).flatMap(({ value, interval }) => [
      inPercent(value),
      inPercent(interval?.[1] ?? value),
    ]),
  );
  const y = percentAxis('Accuracy', [0, ...ends]);
  return createFigure(
    data,
    {
      title,
      subtitle: withWhiskers(
        subtitle,
        networks.flatMap((network) => Object.values(network.attacks)),
      ),
    },
    {
      xaxis: axis('Attack', { type: 'category', categoryarray: attacks.map(titleOf), showgrid: false }),
      yaxis: { ...y, range: [0, (y.range as [number, number])[1]] },
      barmode: 'group',
      bargap: 0.2,
      bargroupgap: 0.08,
    },
  );
};
