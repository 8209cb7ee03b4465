import type { ImageSet } from '../data/records.js';
import { displayable, type Displayable } from '../display.js';
import { escapeHtml } from '../tables/html.js';

export interface ClassSamplesOptions {
  /** Images a class, evenly spread over the class. Default 6. */
  readonly perClass?: number;
  /** A last picture of each class: [3, height, width] values in [0, 255], in planes as the records hold them. */
  readonly beside?: { readonly title: string; readonly picture: (label: number) => ArrayLike<number> };
  /** Pixels of the page that a pixel of an image takes. Default 2. */
  readonly scale?: number;
}

/** Pixels between two images. */
const gap = 1;

/** Images in a row, [3, H, W] in [0, 255] each, as a PNG; transparent between them. */
const rowOfPictures = async (
  pictures: readonly ArrayLike<number>[],
  height: number,
  width: number,
  scale: number,
): Promise<string> => {
  const { default: sharp } = await import('sharp');
  const rowWidth = pictures.length * (width + gap) - gap;
  const bytes = new Uint8Array(height * rowWidth * 4);
  pictures.forEach((picture, i) => {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const at = 4 * (y * rowWidth + i * (width + gap) + x);
        for (let channel = 0; channel < 3; channel++) {
          bytes[at + channel] = picture[channel * height * width + y * width + x]!;
        }
        bytes[at + 3] = 255;
      }
    }
  });
  const image = sharp(bytes, { raw: { width: rowWidth, height, channels: 4 } })
    .resize({ width: rowWidth * scale, height: height * scale, kernel: 'nearest' })
    .png({ compressionLevel: 9 });
  const data = (await image.toBuffer()).toString('base64');
  return `<img src="data:image/png;base64,${data}" width="${rowWidth * scale}" height="${height * scale}" alt="">`;
};

/** Some images of every class of a set, a row a class. */
export const classSamples = (
  set: ImageSet,
  { perClass = 6, beside, scale = 2 }: ClassSamplesOptions = {},
): Displayable => {
  const { classes, labels, pixels, height, width } = set;
  const size = 3 * height * width;
  const members = classes.map((): number[] => []);
  labels.forEach((label, index) => members[label]!.push(index));
  const caption = `${set.name}, ${set.part}: ${set.length} images of ${height} × ${width} in ${classes.length} classes`;
  const sampled = (label: number): Uint8Array[] => {
    const indices = members[label]!;
    const count = Math.min(perClass, indices.length);
    return Array.from({ length: count }, (_, i) => {
      const index = indices[Math.floor((i * indices.length) / count)]!;
      return pixels.subarray(index * size, (index + 1) * size);
    });
  };
  return displayable(async () => {
    const cell = async (pictures: readonly ArrayLike<number>[]): Promise<string> =>
      `<td style="text-align:left">${await rowOfPictures(pictures, height, width, scale)}</td>`;
    const rows = await Promise.all(
      classes.map(async (name, label) => {
        const first = `<td style="text-align:left">${escapeHtml(name)}</td>${await cell(sampled(label))}`;
        return `<tr>${first}${beside ? await cell([beside.picture(label)]) : ''}</tr>`;
      }),
    );
    const headings = ['class', 'images', ...(beside ? [beside.title] : [])];
    return {
      'text/html': [
        `<p><b>${escapeHtml(caption)}</b></p>`,
        `<table><thead><tr>${headings.map((text) => `<th style="text-align:left">${escapeHtml(text)}</th>`).join('')}</tr></thead><tbody>`,
        ...rows,
        '</tbody></table>',
      ].join('\n'),
      'text/plain': `${caption}: ${classes.map((name, label) => `${name} (${members[label]!.length})`).join(', ')}`,
    };
  });
};
