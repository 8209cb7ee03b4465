import { z } from 'zod';

const tensorFlowSchema = z
  .strictObject({
    version: z.string(),
    /** The device that is really used, whatever is installed. */
    device: z.enum(['cpu', 'gpu']),
    /** The GPU's name, where one is used. */
    gpu: z.string().nullable(),
    /** Whether the CPU's kernels are those of oneDNN. */
    oneDnn: z.boolean(),
    /** Threads that one operation may use. */
    threads: z.number(),
  })
  .readonly();

/**
 * What a result was computed with and on. It is stored in every result, so it names no paths and nothing that differs
 * between two runs of the same work on the same machine.
 */
export const environmentSchema = z
  .strictObject({
    /** Version of this package, the commit of the checkout, and whether its sources differ from that commit. */
    version: z.string(),
    commit: z.string().nullable(),
    modified: z.boolean().nullable(),
    node: z.string(),
    tensorflow: tensorFlowSchema,
    /** 'linux-x64'. */
    platform: z.string(),
    /** The processor's name. */
    cpu: z.string(),
    /** Processors that this process may run on. */
    threads: z.number(),
    dvc: z.string().nullable(),
    /** Name of the notebook kernel, where it is registered. */
    kernel: z.string().nullable(),
  })
  .readonly();

/** The TensorFlow that computes in this process. */
export type TensorFlowEnvironment = z.infer<typeof tensorFlowSchema>;
export type Environment = z.infer<typeof environmentSchema>;
