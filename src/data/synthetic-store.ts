import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { dataFiles, readManifest, type Manifest } from './manifest.js';
import { writeDataset } from './store.js';
import { makeSynthetic, syntheticClasses, syntheticLayout, syntheticSettings } from './synthetic.js';

/** Makes the synthetic set and writes it to `root/synthetic`, in place of what is there unless that is to be kept. */
export const writeSynthetic = (root: string, options: { keep?: boolean } = {}): Promise<Manifest> =>
  writeDataset(
    join(root, 'synthetic'),
    syntheticLayout,
    { train: [makeSynthetic('train')], test: [makeSynthetic('test')] },
    { name: 'synthetic', classes: [...syntheticClasses], settings: { ...syntheticSettings } },
    options,
  );

/** Makes the synthetic set where it is absent or was made with other settings than today's. */
export const ensureSynthetic = async (root: string): Promise<void> => {
  const folder = join(root, 'synthetic');
  if (!dataFiles.some((file) => existsSync(join(folder, file)))) {
    // Another process may make it meanwhile: it is the same, and may already be read.
    await writeSynthetic(root, { keep: true });
    return;
  }
  const { settings = {} } = await readManifest(folder);
  const today = Object.entries(syntheticSettings);
  if (today.length === Object.keys(settings).length && today.every(([key, value]) => settings[key] === value)) return;
  await writeSynthetic(root);
};
