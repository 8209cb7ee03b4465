import { UserError } from '../errors.js';
import { cifarResnet } from './cifar-resnet.js';
import type { Architecture } from './layers.js';
import { mobilenetv2 } from './mobilenetv2.js';
import { preactResnet } from './preact-resnet.js';
import { resnet18 } from './resnet.js';
import { quickMobilenet, quickResnet } from './quick.js';
import { vnncompResnet } from './vnncomp-resnet.js';
import { wideResnetSwish } from './wide-resnet-swish.js';
import { wideResnet } from './wide-resnet.js';

/** What a number in a name is, and the most that it may be: a name may come from a damaged file. */
interface Bound {
  readonly what: string;
  readonly most: number;
}

/** The deepest network of the papers has 1,202 layers (He et al., 2016, section 4.2). */
const depthBound: Bound = { what: 'depth', most: 1202 };
/** The widest of the published ones have 20. */
const widthBound: Bound = { what: 'width', most: 100 };

/** A family of networks: its names as a pattern, an example, and how the numbers in a name make a network. */
interface Family {
  readonly names: string;
  readonly example: string;
  readonly pattern: RegExp;
  /** Of the numbers in a name, in their order, where any may stand. */
  readonly bounds?: readonly Bound[];
  readonly create: (numbers: readonly number[]) => Architecture | undefined;
}

/** Characters of a name in a message, at most. */
const longestName = 80;

const depthOf = (offset: number, depth: number | undefined): boolean =>
  depth !== undefined && depth > offset && (depth - offset) % 6 === 0;

/** Add a network family here; nothing else has to know of it. */
export const families: readonly Family[] = [
  { names: 'resnet18', example: 'resnet18', pattern: /^resnet18$/, create: () => resnet18 },
  { names: 'mobilenetv2', example: 'mobilenetv2', pattern: /^mobilenetv2$/, create: () => mobilenetv2 },
  {
    names: 'wrn-<depth>-<width>',
    example: 'wrn-34-10',
    pattern: /^wrn-(\d+)-(\d+)$/,
    bounds: [depthBound, widthBound],
    create: ([depth, widen]) => (depthOf(4, depth) && widen ? wideResnet(depth!, widen) : undefined),
  },
  {
    names: 'wrn-<depth>-<width>-swish',
    example: 'wrn-28-10-swish',
    pattern: /^wrn-(\d+)-(\d+)-swish$/,
    bounds: [depthBound, widthBound],
    create: ([depth, widen]) => (depthOf(4, depth) && widen ? wideResnetSwish(depth!, widen) : undefined),
  },
  {
    names: 'cifar-resnet-<depth>',
    example: 'cifar-resnet-56',
    pattern: /^cifar-resnet-(\d+)$/,
    bounds: [depthBound],
    create: ([depth]) => (depthOf(2, depth) ? cifarResnet(depth!, 'B') : undefined),
  },
  {
    names: 'cifar-resnet-<depth>-a',
    example: 'cifar-resnet-20-a',
    pattern: /^cifar-resnet-(\d+)-a$/,
    bounds: [depthBound],
    create: ([depth]) => (depthOf(2, depth) ? cifarResnet(depth!, 'A') : undefined),
  },
  {
    names: 'preact-resnet<18|34>',
    example: 'preact-resnet18',
    pattern: /^preact-resnet(18|34)$/,
    create: ([depth]) => preactResnet(depth === 34 ? 34 : 18),
  },
  {
    names: 'vnncomp-resnet<2b|4b>',
    example: 'vnncomp-resnet4b',
    pattern: /^vnncomp-resnet([24])b$/,
    create: ([blocks]) => vnncompResnet(blocks === 2 ? '2b' : '4b'),
  },
  { names: 'quick-resnet', example: 'quick-resnet', pattern: /^quick-resnet$/, create: () => quickResnet },
  { names: 'quick-mobilenet', example: 'quick-mobilenet', pattern: /^quick-mobilenet$/, create: () => quickMobilenet },
];

/**
 * The architecture of that name.
 * @throws UserError where no family knows the name, its depth does not exist, or a number in it is beyond its bound
 */
export const findArchitecture = (name: string): Architecture => {
  for (const { pattern, bounds = [], create } of families) {
    const match = pattern.exec(name);
    if (!match) continue;
    const numbers = match.slice(1).map(Number);
    bounds.forEach(({ what, most }, i) => {
      if (numbers[i]! > most)
        throw new UserError(
          `there is no network "${name.slice(0, longestName)}": its ${what} is above ${most}, the most that is built.`,
        );
    });
    const architecture = create(numbers);
    if (architecture) return architecture;
  }
  throw new UserError(
    `there is no network "${name.slice(0, longestName)}". Known are ${families.map(({ names }) => names).join(', ')} ` +
      '(depths: 6n + 4 for wrn, 6n + 2 for cifar-resnet); "ciard models" describes them.',
  );
};
