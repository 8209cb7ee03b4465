/** What is timed: the same work on both sides. */
export type WorkName = 'attack-step' | 'training-step' | 'ciard-step';

export interface BenchCase {
  readonly work: WorkName;
  /** The network that is attacked or trained; in a CIARD step the student. */
  readonly network: 'resnet18' | 'mobilenetv2';
  readonly batch: number;
  /** The ratio to PyTorch in the published code's layout (NCHW) that this project promises to stay under. */
  readonly limit: number;
  /** The same against PyTorch in channels_last; a CIARD step promises nothing there. */
  readonly limitChannelsLast: number | null;
}

const step = (work: WorkName, network: BenchCase['network'], batch: number, limit: number): BenchCase => ({
  work,
  network,
  batch,
  limit,
  limitChannelsLast: 1,
});

/** Every case, lightest first. The CIARD step has the published teachers: ResNet-56 and WRN-34-10. */
export const benchCases: readonly BenchCase[] = [
  ...[32, 128].flatMap((batch) => [
    step('attack-step', 'mobilenetv2', batch, 0.5),
    step('attack-step', 'resnet18', batch, 0.85),
    step('training-step', 'mobilenetv2', batch, 0.65),
    step('training-step', 'resnet18', batch, 0.9),
  ]),
  { work: 'ciard-step', network: 'mobilenetv2', batch: 16, limit: 0.65, limitChannelsLast: null },
];

/** How a case is named in output and chosen with `--only`: `attack-step/resnet18/32`. */
export const caseName = ({ work, network, batch }: BenchCase): string => `${work}/${network}/${batch}`;
