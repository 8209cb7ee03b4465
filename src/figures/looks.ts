import { seriesColours, seriesStyle, styleCount, type SeriesStyle } from './theme.js';

/** The look that has the colour of `look`, hollow where that is filled. */
const twin = (look: number): number => (look + seriesColours.length) % styleCount;

/**
 * How each of several series looks, given the looks (numbers of `seriesStyle`) that some of them have in every figure. The
 * second of two that want the same takes its colour's other look, if that is free; those that want none take, in their
 * order, what is left, a colour of their own first.
 */
export const assignLooks = (wanted: readonly (number | undefined)[]): SeriesStyle[] => {
  const taken = new Set<number>();
  const looks = new Map<number, number>();
  const take = (series: number, candidates: readonly number[]): void => {
    const free = candidates.find((look) => !taken.has(look));
    if (free === undefined) return;
    taken.add(free);
    looks.set(series, free);
  };
  wanted.forEach((look, series) => {
    if (look !== undefined) take(series, [look]);
  });
  wanted.forEach((look, series) => {
    if (look !== undefined && !looks.has(series)) take(series, [twin(look)]);
  });
  const all = Array.from({ length: styleCount }, (_, look) => look);
  return wanted.map((look, series) => {
    if (!looks.has(series)) take(series, [...all.filter((one) => !taken.has(twin(one))), ...all]);
    return seriesStyle(looks.get(series) ?? look ?? series);
  });
};
