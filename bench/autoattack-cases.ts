import type { Normalisation } from '../src/models/network.js';

/** A published network on which AutoAttack's standard version is run on both sides. */
export interface AutoAttackCase {
  /** What `torch_networks.py` calls it. */
  readonly network: string;
  /** What we call it. */
  readonly architecture: string;
  readonly checkpoint: string;
  readonly normalisation: Normalisation;
  /** Radius in image units, as a quotient. */
  readonly epsilon: string;
  /** How many images: every 39th of CIFAR-10's canonical test records, from the first on. */
  readonly images: number;
  /** The ratio of the times, ours to the reference's, that this project promises to stay under. */
  readonly limit: number;
}

export const autoAttackStride = 39;

export const autoAttackCases: readonly AutoAttackCase[] = [
  {
    network: 'vnncomp-resnet4b',
    architecture: 'vnncomp-resnet4b',
    checkpoint: 'vnncomp2021-resnet4b.pth',
    normalisation: { mean: [0.4914, 0.4822, 0.4465], std: [0.2471, 0.2435, 0.2616] },
    epsilon: '2/255',
    images: 256,
    limit: 0.8,
  },
  {
    network: 'akamaster-resnet20',
    architecture: 'cifar-resnet-20-a',
    checkpoint: 'akamaster-resnet20-12fca82f.th',
    normalisation: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
    epsilon: '0.5/255',
    images: 256,
    limit: 0.8,
  },
];

/** How a case is named in output and chosen with `--only`: `autoattack/vnncomp-resnet4b/256`. */
export const autoAttackName = ({ network, images }: Pick<AutoAttackCase, 'network' | 'images'>): string =>
  `autoattack/${network}/${images}`;
