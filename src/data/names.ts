export const datasetNames = ['cifar10', 'cifar100', 'tiny-imagenet', 'synthetic'] as const;

/** What a data set is called on the command line, in results and under `data/`. */
export type DatasetName = (typeof datasetNames)[number];
