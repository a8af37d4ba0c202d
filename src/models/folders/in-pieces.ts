import {readdir} from 'node:fs/promises';
import {join} from 'node:path';
import {shellQuoted} from '../../shell-quoted.js';
import {findPickled} from './pickled.js';

/**
 * What a folder holds where its weights lie in pieces, one for each process of the training, and the command that gathers
 * them; undefined for any other.
 */
export async function inPieces(folder: string): Promise<string | undefined> {
  const names = await readdir(folder).catch(() => []);
  const quoted = (name: string) => shellQuoted(join(folder, name));

  const fsdp = names.some(name => name.endsWith('.distcp'))
    ? '.'
    : names.find(name => /^pytorch_model_fsdp_\d+$/.test(name));
  if (fsdp !== undefined)
    return (
      'holds the pieces of FSDP (.distcp); gather them: ' +
      `python -m torch.distributed.checkpoint.format_utils dcp_to_torch ${quoted(fsdp)} ${quoted('pytorch_model.bin')}, ` +
      `then wandb-invariance convert ${quoted('pytorch_model.bin')}`
    );

  const steps = names.filter(name => /^global_step\d+$/.test(name));
  const step = steps.toSorted((a, b) => Number(a.slice(11)) - Number(b.slice(11))).at(-1);
  if (step === undefined) return undefined;
  const inside = await readdir(join(folder, step)).catch(() => []);
  if (inside.some(name => /^zero_pp_rank_\d+_mp_rank_\d+_model_states\.pt$/.test(name)))
    return (
      `holds the pieces of DeepSpeed's ZeRO-3 (${step}); gather them: ` +
      `python ${quoted('zero_to_fp32.py')} ${shellQuoted(folder)} ${shellQuoted(folder)} --safe_serialization`
    );
  const pickled = await findPickled(join(folder, step));
  return (
    pickled &&
    `holds DeepSpeed's weights in ${step}: wandb-invariance convert ${shellQuoted(pickled)} ${quoted('model.safetensors')}`
  );
}
