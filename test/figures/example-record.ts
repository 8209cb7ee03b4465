import type { ResultRecord } from '../../src/results/record.js';

/** A result with everything that the record's type asks for; what a test is about is given. */
export const exampleRecord = (about: Partial<ResultRecord>): ResultRecord => ({
  format: 'ciard-result-1',
  id: 'example',
  role: 'student',
  method: 'pgd-at',
  title: 'PGD-AT',
  architecture: 'resnet18',
  width: 0.25,
  parameters: 701_466,
  dataset: 'synthetic',
  seed: 0,
  attacks: {},
  epsilon: 8 / 255,
  training: { recipe: {}, trainImages: 4500, validationImages: 500, epoch: 10 },
  checkpoint: '0'.repeat(64),
  environment: {
    version: '0.1.0',
    commit: null,
    modified: null,
    node: process.versions.node,
    tensorflow: { version: '2.21.0', device: 'cpu', gpu: null, oneDnn: true, threads: 2 },
    platform: 'linux-x64',
    cpu: 'a processor',
    threads: 2,
    dvc: null,
    kernel: null,
  },
  ...about,
});
