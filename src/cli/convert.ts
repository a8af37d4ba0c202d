import {Command} from 'commander';

interface Options {
  state?: string;
  python: string;
  json?: true;
}

export function convertCommand(): Command {
  return new Command('convert')
    .description(
      'write the weights of a Python pickle (.bin, .pt, .pth, .ckpt) as safetensors; your Python reads it, with weights_only=True, ' +
        'which runs no code of the file',
    )
    .argument('<in>', 'a pickle, or a folder that holds one or its shards')
    .argument('[out]', 'folder, or FILE.safetensors (default: beside the pickle, where it is found)')
    .option(
      '--state <name>',
      'which state dict is meant where there are several, as state_dict_ema or teacher',
    )
    .option('--python <path>', 'a Python that has torch and safetensors', 'python3')
    .option('--json', 'print the result as JSON')
    .action(async (from: string, to: string | undefined, {state, python, json}: Options) => {
      const {convertPickled} = await import('../models/index.js');
      const converted = await convertPickled(from, {to, state, python});
      if (json) return void console.log(JSON.stringify(converted));
      const {path, tensors, state: taken, others, skipped} = converted;
      console.log(
        `wrote ${path}: ${tensors} tensors${taken === '' ? '' : ` of ${taken}`}` +
          (skipped === 0 ? '' : `, without ${skipped} values that are no tensors`),
      );
      if (others.length > 0) console.log(`  there are also ${others.join(', ')}: --state takes another`);
    });
}
