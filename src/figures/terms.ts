/** What a term of a loss, or what is told beside it, is measured in. */
export interface TermUnit {
  /** What terms of this unit are, together. */
  readonly title: string;
  readonly unit: string;
  /** From the term's unit in a history to this one. */
  readonly scale: number;
}

const units: readonly (TermUnit & { readonly holds: (term: string) => boolean })[] = [
  { title: 'Shares', unit: '%', scale: 100, holds: (term) => ['wrong', 'trust'].includes(term) },
  { title: 'Weights of the losses', unit: '1', scale: 1, holds: (term) => term.startsWith('weight') },
  { title: 'Temperatures', unit: '1', scale: 1, holds: (term) => term.startsWith('temperature') },
];
const losses: TermUnit = { title: 'Loss and its terms', unit: 'nats', scale: 1 };

/** Every unit there is, the losses' last. */
export const termUnits: readonly TermUnit[] = [...units, losses];

export const unitOfTerm = (term: string): TermUnit => units.find(({ holds }) => holds(term)) ?? losses;
