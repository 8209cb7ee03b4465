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

const plotly = 'application/vnd.plotly.v1+json';
const epochsIn = ({ bundle }: Shown): unknown => {
  const { data } = bundle[plotly] as { data: Partial<PlotData>[] };
  return data.find(({ name }) => name === 'clean accuracy')?.x;
};
const settle = async (): Promise<Shown[]> => {
  await Promise.all(work.splice(0));
  return shown.splice(0);
};

test('curves that grow: shown at once, one place, a picture an epoch, and plotly at the end', async () => {
  const onEpoch = liveTrainingCurves(display, { title: 'ciard', epochs: 4, history: [row(1), row(2)] });
  onEpoch(row(3));
  // A run that went on tells its last epoch again.
  onEpoch(row(3));
  const [reserved, ...growing] = await settle();
  assert.deepEqual([reserved?.update, reserved?.bundle], [false, { 'text/plain': '' }], 'its place, at once');
  assert.equal(growing.length, 3);
  for (const { bundle, update } of growing) {
    // JupyterLab draws plotly's form once and never again.
    assert.deepEqual([update, Object.keys(bundle)], [true, ['image/svg+xml', 'text/plain']]);
  }
  assert.notEqual(growing[1]!.bundle['image/svg+xml'], growing[0]!.bundle['image/svg+xml']);
  onEpoch(row(4));
  const [picture, whole, ...rest] = await settle();
  assert.deepEqual(rest, []);
  assert.ok(picture && whole && !(plotly in picture.bundle));
  assert.deepEqual(epochsIn(whole), [1, 2, 3, 4]);
  assert.match(String(whole.bundle['image/svg+xml']), /^<svg /);
  assert.equal(new Set([...growing, picture, whole].map(({ id }) => id)).size, 1);
  for (const epoch of [1, 2, 3, 4]) onEpoch(row(epoch));
  assert.deepEqual(await settle(), [], 'what is drawn and has not changed is left alone');
  onEpoch({ ...row(2), learningRate: 0.01 });
  const again = await settle();
  assert.deepEqual(
    again.map(({ bundle }) => plotly in bundle),
    [false, true],
    'a picture comes between, or plotly would not draw what has changed',
  );
});

test('a run that was complete before is whole at once; without its length it stays a picture', async () => {
  liveTrainingCurves(display, { epochs: 2, history: [row(1), row(2)] });
  const [, whole] = await settle();
  assert.deepEqual(epochsIn(whole!), [1, 2]);
  const onEpoch = liveTrainingCurves(display);
  onEpoch(row(1));
  assert.ok((await settle()).every(({ bundle }) => !(plotly in bundle)));
});
