/** What is timed: the same work on both sides. */
export type WorkName =
  | 'attack-step'
  | 'training-step'
  | 'ciard-step'
  /** The step of the scale `lite`, by the paper's summary and by the published code. */
  | 'lite-ciard-step'
  | 'lite-ciard-code-step';

export interface BenchCase {
  readonly work: WorkName;
  /** The network that is attacked or trained; in a CIARD step the student. */
  readonly network: 'resnet18' | 'mobilenetv2';
  readonly width: number;
  readonly batch: number;
  /**
   * The ratios that this project promises to stay under: to PyTorch in the published code's layout (NCHW), in
   * channels_last, and to the best of these and of `torch.compile`. Null: nothing is promised.
   */
  readonly limit: number | null;
  readonly limitChannelsLast: number | null;
  readonly limitBest: number | null;
}

const fullSize = (work: WorkName, network: BenchCase['network'], batch: number, limit: number): BenchCase => ({
  work,
  network,
  width: 1,
  batch,
  limit,
  limitChannelsLast: 1,
  limitBest: null,
});

const small = (work: WorkName, network: BenchCase['network'], width: number, limitBest: number): BenchCase => ({
  work,
  network,
  width,
  batch: 128,
  limit: null,
  limitChannelsLast: null,
  limitBest,
});

/**
 * Every case, lightest first. The CIARD step has the published teachers, ResNet-56 and WRN-34-10, and on PyTorch's side all
 * that the published code does in it, a pass of x through the robust teacher included that nothing uses and ours leaves out.
 * On that side the two steps of `lite` are without it, and both are the published code's.
 */
export const benchCases: readonly BenchCase[] = [
  small('attack-step', 'resnet18', 1 / 8, 0.45),
  small('training-step', 'resnet18', 1 / 8, 0.55),
  small('attack-step', 'resnet18', 1 / 4, 0.65),
  small('training-step', 'resnet18', 1 / 4, 0.7),
  small('attack-step', 'mobilenetv2', 1 / 4, 0.45),
  small('training-step', 'mobilenetv2', 1 / 4, 0.6),
  small('lite-ciard-step', 'resnet18', 1 / 8, 0.45),
  small('lite-ciard-code-step', 'resnet18', 1 / 8, 0.45),
  ...[32, 128].flatMap((batch) => [
    fullSize('attack-step', 'mobilenetv2', batch, 0.5),
    fullSize('attack-step', 'resnet18', batch, 0.85),
    fullSize('training-step', 'mobilenetv2', batch, 0.65),
    fullSize('training-step', 'resnet18', batch, 0.9),
  ]),
  { ...fullSize('ciard-step', 'mobilenetv2', 16, 0.65), limitChannelsLast: null },
];

/** How a case is named in output and chosen with `--only`: `attack-step/resnet18/32`, `attack-step/resnet18x0.125/128`. */
export const caseName = ({ work, network, width, batch }: BenchCase): string =>
  `${work}/${network}${width === 1 ? '' : `x${width}`}/${batch}`;
