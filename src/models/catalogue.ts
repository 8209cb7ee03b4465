import { UserError } from '../errors.js';
import { cifarResnet } from './cifar-resnet.js';
import type { Architecture } from './layers.js';
import { mobilenetv2 } from './mobilenetv2.js';
import { preactResnet } from './preact-resnet.js';
import { resnet18 } from './resnet.js';
import { vnncompResnet } from './vnncomp-resnet.js';
import { wideResnetSwish } from './wide-resnet-swish.js';
import { wideResnet } from './wide-resnet.js';

/** A family of networks: its names as a pattern, an example, and how the numbers in a name make a network. */
interface Family {
  readonly names: string;
  readonly example: string;
  readonly pattern: RegExp;
  readonly create: (numbers: readonly number[]) => Architecture | undefined;
}

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
    create: ([depth, widen]) => (depthOf(4, depth) && widen ? wideResnet(depth!, widen) : undefined),
  },
  {
    names: 'wrn-<depth>-<width>-swish',
    example: 'wrn-28-10-swish',
    pattern: /^wrn-(\d+)-(\d+)-swish$/,
    create: ([depth, widen]) => (depthOf(4, depth) && widen ? wideResnetSwish(depth!, widen) : undefined),
  },
  {
    names: 'cifar-resnet-<depth>',
    example: 'cifar-resnet-56',
    pattern: /^cifar-resnet-(\d+)$/,
    create: ([depth]) => (depthOf(2, depth) ? cifarResnet(depth!, 'B') : undefined),
  },
  {
    names: 'cifar-resnet-<depth>-a',
    example: 'cifar-resnet-20-a',
    pattern: /^cifar-resnet-(\d+)-a$/,
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
];

/**
 * The architecture of that name.
 * @throws UserError where no family knows the name, or its depth does not exist
 */
export const findArchitecture = (name: string): Architecture => {
  for (const { pattern, create } of families) {
    const match = pattern.exec(name);
    const architecture = match ? create(match.slice(1).map(Number)) : undefined;
    if (architecture) return architecture;
  }
  throw new UserError(
    `there is no network "${name}". Known are ${families.map(({ names }) => names).join(', ')} ` +
      '(depths: 6n + 4 for wrn, 6n + 2 for cifar-resnet); "ciard models" describes them.',
  );
};
