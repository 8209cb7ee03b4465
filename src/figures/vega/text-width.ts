/** Sans-serif letters are about this wide, in parts of the font's size. */
const letterWidth = 0.56;

/** About how many pixels a line of text takes. There is no font to ask. */
export const textWidth = (text: string, size: number): number => text.length * size * letterWidth;
