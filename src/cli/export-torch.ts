import type { Command } from 'commander';

export const add = (program: Command): void => {
  program
    .command('export-torch')
    .description("write a checkpoint as safetensors that PyTorch's load_state_dict(strict=True) takes")
    .argument('<checkpoint>', 'a checkpoint of ours: trained here, or imported')
    .option('--out <file>', 'default: the name of the checkpoint, ending in .torch.safetensors, in the working folder')
    .option('--json', 'print the report as JSON')
    .action(async (checkpoint: string, { out, json = false }: { out?: string; json?: boolean }) => {
      const { exportTorch } = await import('../checkpoints/export-torch.js');
      const { info, tensors, leftOut, out: written } = await exportTorch(checkpoint, { out });
      const { architecture, classes, mean, std } = info;
      if (json) {
        const record = {
          architecture,
          classes,
          tensors: tensors.size,
          leftOut,
          mean: mean ?? null,
          std: std ?? null,
          out: written,
        };
        process.stdout.write(`${JSON.stringify(record, null, 2)}\n`);
        return;
      }
      const lines = [
        `${architecture}, ${classes} classes: ${tensors.size} tensors in ${written}`,
        ...(leftOut.length ? [`left out, for they are not the network's: ${leftOut.join(', ')}`] : []),
        mean && std
          ? `In PyTorch, images in [0, 1] are to be normalised: mean ${mean.join(', ')}; std ${std.join(', ')}`
          : 'In PyTorch, it takes images in [0, 1] as they are.',
        `  model.load_state_dict(safetensors.torch.load_file(${JSON.stringify(written)}))`,
      ];
      process.stdout.write(`${lines.join('\n')}\n`);
    });
};
