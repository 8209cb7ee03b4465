// The thread of awake-clock.ts: it looks at the clock again and again, so that a gap shows.
import { cpus } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';

/** @type {unknown} */
const given = workerData;
const { shared, interval, longestGap } =
  /** @type {{ shared: SharedArrayBuffer, interval: number, longestGap: number }} */ (given);
/** Seconds paused, and processor seconds of all processes outside of pauses: shared with the main thread. */
const values = new Float64Array(shared);
let [paused, busyAwake] = [0, 0];

const busySeconds = () =>
  cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0) / 1000;

let last = performance.now();
let busy = busySeconds();
setInterval(() => {
  const now = performance.now();
  const nowBusy = busySeconds();
  if (now - last > longestGap) paused += (now - last - interval) / 1000;
  else busyAwake += nowBusy - busy;
  values.set([paused, busyAwake]);
  last = now;
  busy = nowBusy;
}, interval);
parentPort?.postMessage('ticking');
