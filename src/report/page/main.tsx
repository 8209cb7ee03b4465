import { render } from 'preact';
import type { Laboratory, ReportData } from '../data.js';
import { App } from './app.js';
import { unpack } from './unpack.js';

const place = document.getElementById('page')!;
const show = async (): Promise<void> => {
  try {
    const data = await unpack<ReportData>('data');
    place.textContent = '';
    render(<App data={data} laboratory={undefined} />, place);
    // The figures come first.
    const laboratory = await unpack<Laboratory | null>('laboratory');
    render(<App data={data} laboratory={laboratory} />, place);
  } catch (error) {
    place.textContent = `The report can't be shown: ${error instanceof Error ? error.message : String(error)}`;
    throw error;
  }
};
void show();
