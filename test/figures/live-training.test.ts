import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { PlotData } from 'plotly.js';
import { liveTrainingCurves } from '../../src/figures/live-training.js';
import { display, setDisplaySink, type MimeBundle } from '../../src/kernel/display.js';
import type { EpochRow } from '../../src/training/run-state.js';

interface Shown {
  readonly bundle: MimeBundle;
  readonly id: string | undefined;
  readonly update: boolean;
}

const shown: Shown[] = [];
const work: Promise<void>[] = [];
setDisplaySink({
  show: (bundle, { id, update }) => {
    shown.push({ bundle, id, update });
  },
  clear: () => undefined,
  track: (promise) => {
    work.push(promise);
  },
});
after(() => {
  setDisplaySink({ show: () => undefined, clear: () => undefined, track: () => undefined });
});

const row = (epoch: number): EpochRow => ({
  epoch,
  learningRate: 0.1,
  terms: { loss: 1 / epoch },
  validation: { clean: 0.1 * epoch, robust: 0.05 * epoch },
});

const epochsIn = ({ bundle }: Shown): unknown => {
  const { data } = bundle['application/vnd.plotly.v1+json'] as { data: Partial<PlotData>[] };
  return data.find(({ name }) => name === 'clean accuracy')?.x;
};

test('curves that grow: shown at once, one place, one row an epoch, in order', async () => {
  const onEpoch = liveTrainingCurves(display, { title: 'ciard', epochs: 4, history: [row(1), row(2)] });
  onEpoch(row(3));
  // A run that went on tells its last epoch again.
  onEpoch(row(3));
  onEpoch(row(4));
  await Promise.all(work);
  const [reserved, ...figures] = shown;
  assert.deepEqual([reserved?.update, reserved?.bundle], [false, { 'text/plain': '' }], 'its place, at once');
  assert.deepEqual(figures.map(epochsIn), [
    [1, 2],
    [1, 2, 3],
    [1, 2, 3],
    [1, 2, 3, 4],
  ]);
  assert.ok(figures.every(({ update }) => update));
  assert.equal(new Set(shown.map(({ id }) => id)).size, 1);
  assert.match(String(shown.at(-1)!.bundle['image/svg+xml']), /^<svg /);
});
