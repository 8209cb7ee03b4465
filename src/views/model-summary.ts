import type { Displayable } from '../display.js';
import type { Network } from '../models/network.js';
import type { Table } from '../tables/table.js';
import { tableView } from '../tables/view.js';

/** What a summary needs to know of a network. */
export type SummarisedNetwork = Pick<
  Network,
  'architecture' | 'width' | 'classes' | 'imageSize' | 'layers' | 'parameters'
>;

const grouped = (value: number): string => value.toLocaleString('en-GB');

/** 11.17 M, 560 k. */
const rounded = (value: number): string =>
  value >= 1e9
    ? `${(value / 1e9).toFixed(2)} G`
    : value >= 1e6
      ? `${(value / 1e6).toFixed(2)} M`
      : value >= 1e4
        ? `${(value / 1e3).toFixed(0)} k`
        : grouped(value);

/** The layers of a network: what each makes of an image, its parameters, its multiply-adds for one image. */
export const modelSummaryTable = ({
  architecture,
  width,
  classes,
  imageSize,
  layers,
  parameters,
}: SummarisedNetwork): Table => {
  const multiplyAdds = layers.reduce((sum, layer) => sum + layer.multiplyAdds, 0);
  const idle = parameters - layers.reduce((sum, layer) => sum + layer.parameters, 0);
  return {
    caption:
      `${architecture}${width === 1 ? '' : ` × ${width}`}: ${classes} classes, images of ${imageSize} × ${imageSize}; ` +
      `${rounded(parameters)} parameters, ${rounded(multiplyAdds)} multiply-adds an image`,
    columns: [
      { title: 'Layer' },
      { title: 'Operation' },
      { title: 'Output (height × width × channels)' },
      { title: 'Parameters', align: 'right' },
      { title: 'Multiply-adds', align: 'right' },
    ],
    rows: [
      ...layers.map(({ name, operation, outputShape, parameters: own, multiplyAdds: work }) => [
        name,
        operation,
        outputShape.join(' × '),
        grouped(own),
        grouped(work),
      ]),
      [
        { text: 'all', strong: true },
        '',
        '',
        { text: grouped(parameters), strong: true },
        { text: grouped(multiplyAdds), strong: true },
      ],
    ],
    notes:
      idle > 0
        ? [`${grouped(idle)} parameters belong to layers that the network carries and does not compute with.`]
        : [],
  };
};

export const modelSummary = (network: SummarisedNetwork): Displayable => tableView(modelSummaryTable(network));
