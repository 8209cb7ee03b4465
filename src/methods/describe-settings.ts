import { z } from 'zod';
import type { Method } from './method.js';

/** A method's setting, as `ciard methods` tells of it. */
export interface SettingDescription {
  readonly name: string;
  /** null: it is left out where it is not given. */
  readonly default: string | number | boolean | null;
  /** What may be given: 'number ≥ 0 ≤ 1', or words. */
  readonly values: string;
  readonly meaning: string;
}

const setting = z.object({
  type: z.string().optional(),
  description: z.string(),
  default: z.union([z.string(), z.number(), z.boolean()]).optional(),
  enum: z.array(z.unknown()).optional(),
  minimum: z.number().optional(),
  exclusiveMinimum: z.number().optional(),
  maximum: z.number().optional(),
});

/** The settings of a method, in the order in which it declares them. */
export const describeSettings = ({ settings }: Pick<Method, 'settings'>): SettingDescription[] => {
  const { properties = {} } = z.toJSONSchema(settings, { io: 'input' });
  return Object.entries(properties).map(([name, property]) => {
    const { type = '', description, default: value, enum: words, ...bounds } = setting.parse(property);
    const limits = [
      ...(bounds.minimum === undefined ? [] : [`≥ ${bounds.minimum}`]),
      ...(bounds.exclusiveMinimum === undefined ? [] : [`> ${bounds.exclusiveMinimum}`]),
      ...(bounds.maximum === undefined ? [] : [`≤ ${bounds.maximum}`]),
    ];
    return {
      name,
      default: value ?? null,
      values: words?.join(', ') ?? [type, ...limits].join(' '),
      meaning: description,
    };
  });
};
