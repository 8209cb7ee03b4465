import process from 'node:process';
import { getEachMessage, sendMessage } from 'execa';
import type { Work } from './interleave.js';
import { prepareWork } from './ours.js';
import type { PairAnswer, PairRequest } from './two-processes.js';

// One of two processes that work side by side (two-processes.ts): it does what it is asked for, one answer each.
let work: Work | undefined;
for await (const message of getEachMessage()) {
  const request = message as unknown as PairRequest;
  let times: number[] = [];
  if (request.ask === 'prepare') work = prepareWork(request.benchCase, request.precision);
  else if (request.ask === 'run') times = await work!.run(request.repeats);
  else await work!.dispose();
  const { user, system } = process.cpuUsage();
  const answer: PairAnswer = { times, processorSeconds: (user + system) / 1e6 };
  await sendMessage(answer);
}
