import { mkdir } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { gzipSync } from 'node:zlib';
import { checkFolderWritable, writeAtomically } from '../atomic-write.js';
import { renderSvg } from '../figures/render-svg.js';
import { bundlePage, loadPrerender, pageStyle, plotlyScript } from './bundle.js';
import type { Laboratory, ReportData } from './data.js';

/** Content of a script element: it ends where this says so, and nowhere before. */
const inScript = (code: string): string => code.replaceAll(/<\/(script)/gi, '<\\/$1').replaceAll('<!--', '<\\!--');

const packed = (id: string, value: unknown): string =>
  `<script type="application/octet-stream" id="${id}">${gzipSync(JSON.stringify(value), { level: 9 }).toString('base64')}</script>`;

/** Before the page's own script: the reader's colours; what a link chose is not what was written, so that waits. */
const early = `
document.documentElement.dataset.theme = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
document.getElementById('page').hidden = location.hash.includes('=');
`;

/**
 * The report as one HTML file that needs nothing else: no server and no network, of which its policy lets it use none.
 */
export const reportHtml = async (data: ReportData, laboratory: Laboratory | null): Promise<string> => {
  const [script, plotly, style, prerender] = await Promise.all([
    bundlePage(),
    plotlyScript(),
    pageStyle(),
    loadPrerender(),
  ]);
  const first = await prerender(data, (figure) => renderSvg(figure, { width: 1100, height: 560 }));
  const policy =
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; font-src data:";
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>ciard: report</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<noscript>Figures and choices are drawn by a script; this browser runs none. The tables lie beside it as Markdown.</noscript>
<div id="page" aria-busy="true">${first}</div>
<p class="loading" role="status">The report is being unpacked …</p>
<script>${early}</script>
${packed('data', data)}
${packed('laboratory', laboratory)}
<script>${inScript(plotly)}</script>
<script>${inScript(script)}</script>
</body>
</html>
`;
};

/**
 * Writes `index.html` into `folder`.
 * @param results the folder of results, to whose records the page leads then
 * @returns its path, and its size in bytes
 * @throws UserError where the folder can't be written
 */
export const writeReport = async (
  folder: string,
  data: ReportData,
  laboratory: Laboratory | null,
  results?: string,
): Promise<{ readonly file: string; readonly bytes: number }> => {
  await checkFolderWritable(folder);
  const recordsAt =
    results === undefined ? undefined : relative(folder, results).split(sep).map(encodeURIComponent).join('/');
  const html = await reportHtml({ ...data, recordsAt }, laboratory);
  await mkdir(folder, { recursive: true });
  const file = join(folder, 'index.html');
  await writeAtomically(file, [html]);
  return { file, bytes: Buffer.byteLength(html) };
};
