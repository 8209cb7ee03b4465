import { displayable, type Displayable } from '../display.js';
import { percent } from '../percent.js';
import { escapeHtml } from '../tables/html.js';
import { textOfTable } from '../tables/text.js';

/** An image: [height, width, 3] in [0, 1], row by row. */
export interface Pixels {
  readonly values: Float32Array;
  readonly height: number;
  readonly width: number;
}

export interface Prediction {
  readonly label: string;
  /** In [0, 1]. */
  readonly probability: number;
}

/** An image, what an attack made of it, and what the networks make of both. */
export interface AttackedImage {
  /** The true class. */
  readonly label: string;
  readonly clean: Pixels;
  readonly adversarial: Pixels;
  /** By network: 'student', 'clean teacher', 'robust teacher'. */
  readonly predictions: Readonly<Record<string, { readonly clean: Prediction; readonly adversarial: Prediction }>>;
}

export interface ImageGridOptions {
  readonly title?: string;
  /** Edge of a picture on the page in pixels, at least. Default 96. */
  readonly size?: number;
}

/** The largest change of a value in any of the images. */
const largestChange = (images: readonly AttackedImage[]): number =>
  images.reduce(
    (largest, { clean, adversarial }) =>
      clean.values.reduce((most, value, i) => Math.max(most, Math.abs(adversarial.values[i]! - value)), largest),
    0,
  );

/**
 * adversarial − clean, made so large that the largest change in any image just reaches black or white; grey where
 * nothing changed.
 */
const difference = ({ clean, adversarial }: AttackedImage, gain: number): Pixels => ({
  ...clean,
  values: clean.values.map((value, i) => 0.5 + gain * (adversarial.values[i]! - value)),
});

const requireFit = ({ label, clean, adversarial }: AttackedImage): void => {
  for (const { values, height, width } of [clean, adversarial]) {
    if (values.length !== height * width * 3 || height !== clean.height || width !== clean.width) {
      throw new RangeError(
        `an image of '${label}' has ${values.length} values for ${height} × ${width} × 3, beside one of ` +
          `${clean.height} × ${clean.width}`,
      );
    }
  }
};

/** PNG, each pixel a square of `scale` by `scale`: a browser would blur it, and an untrusted notebook may not forbid that. */
const png = async ({ values, height, width }: Pixels, scale: number): Promise<string> => {
  const { default: sharp } = await import('sharp');
  const bytes = Uint8Array.from(values, (value) => Math.round(255 * Math.min(1, Math.max(0, value))));
  const image = sharp(bytes, { raw: { width, height, channels: 3 } })
    .resize({ width: width * scale, height: height * scale, kernel: 'nearest' })
    .png({ compressionLevel: 9 });
  return (await image.toBuffer()).toString('base64');
};

/** Right or wrong is a sign, not a colour alone. It stays on one line. */
const judged = ({ label, probability }: Prediction, truth: string): string =>
  `${label === truth ? '✓' : '✗'} ${label} ${percent(probability, 0)} %`.replaceAll(' ', '\u00a0');

/**
 * Images beside their adversarial versions, the difference amplified, and what each network takes them for: a table of
 * pictures that sanitised HTML keeps, so an untrusted notebook shows it too.
 * @throws RangeError where the values of an image do not fit its size
 */
export const imageGrid = (
  images: readonly AttackedImage[],
  { title, size = 96 }: ImageGridOptions = {},
): Displayable => {
  images.forEach(requireFit);
  const largest = largestChange(images);
  const gain = largest > 0 ? 0.5 / largest : 1;
  const networks = [...new Set(images.flatMap(({ predictions }) => Object.keys(predictions)))];
  const change = `largest change ${(255 * largest).toFixed(1)}/255`;

  const html = async (): Promise<string> => {
    const picture = async (pixels: Pixels, description: string): Promise<string> => {
      const scale = Math.ceil(size / pixels.width);
      const data = await png(pixels, scale);
      const [width, height] = [pixels.width * scale, pixels.height * scale];
      return `<td style="text-align:left"><img src="data:image/png;base64,${data}" width="${width}" height="${height}" alt="${escapeHtml(description)}"></td>`;
    };
    const headings = ['class', 'clean', 'adversarial', `difference × ${gain.toFixed(gain < 10 ? 1 : 0)}`, ...networks];
    const rows = await Promise.all(
      images.map(async (image) => {
        const { label, clean, adversarial, predictions } = image;
        const verdicts = networks.map((network) => {
          const prediction = predictions[network];
          if (!prediction) return '<td>–</td>';
          const lines = [
            `clean:\u00a0${judged(prediction.clean, label)}`,
            `attacked:\u00a0${judged(prediction.adversarial, label)}`,
          ];
          return `<td style="text-align:left">${lines.map(escapeHtml).join('<br>')}</td>`;
        });
        return [
          `<tr><td style="text-align:left">${escapeHtml(label)}</td>`,
          await picture(clean, `${label}, clean`),
          await picture(adversarial, `${label}, adversarial`),
          await picture(difference(image, gain), `${label}, amplified difference`),
          ...verdicts,
          '</tr>',
        ].join('');
      }),
    );
    return [
      ...(title === undefined ? [] : [`<p><b>${escapeHtml(title)}</b></p>`]),
      `<table><thead><tr>${headings.map((text) => `<th style="text-align:left">${escapeHtml(text)}</th>`).join('')}</tr></thead><tbody>`,
      ...rows,
      '</tbody></table>',
      `<p><small>Difference: grey where nothing changed; ${change}.</small></p>`,
    ].join('\n');
  };

  return displayable(async () => ({
    'text/html': await html(),
    'text/plain': textOfTable({
      ...(title === undefined ? {} : { caption: title }),
      columns: [{ title: 'class' }, ...networks.flatMap((name) => [{ title: name }, { title: `${name}, attacked` }])],
      rows: images.map(({ label, predictions }) => [
        label,
        ...networks.flatMap((name) => {
          const prediction = predictions[name];
          return prediction ? [judged(prediction.clean, label), judged(prediction.adversarial, label)] : ['–', '–'];
        }),
      ]),
      notes: [change],
    }),
  }));
};
