import {execFile} from 'node:child_process';
import {constants, copyFile, mkdir, readdir, rename, rm, stat} from 'node:fs/promises';
import {basename, dirname, extname, join, resolve} from 'node:path';
import {promisify} from 'node:util';
import {InvarianceError} from '../../errors.js';
import {badWeights} from '../safetensors/tensor.js';
import {DESCRIPTIONS} from './descriptions.js';
import {fileInside} from './links.js';
import {isPickled, SHARD} from './pickled.js';

/**
 * `weights_only` lets PyTorch make tensors and plain data; the classes beside them hold data too: timm saves its arguments
 * as a Namespace. Prints one JSON object.
 */
const PROGRAM = `
import sys
# Nothing of the working folder is imported.
sys.path = [path for path in sys.path if path]
import argparse, json, pathlib, pickle
asked = json.loads(sys.argv[1])
def end(**told):
    print(json.dumps(told))
    sys.exit(0)
try:
    import torch
    from safetensors.torch import save_file
except ImportError as error:
    end(missing=error.name)
# Before, weights_only could be made to run code (CVE-2025-32434).
if tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2]) < (2, 6):
    end(old=torch.__version__)
torch.serialization.add_safe_globals([argparse.Namespace, pathlib.PosixPath, pathlib.WindowsPath])
holds = lambda value: isinstance(value, dict) and any(isinstance(each, torch.Tensor) for each in value.values())
states = {}
for file in asked["files"]:
    try:
        loaded = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        end(unsafe=str(error), file=file)
    except Exception as error:
        end(broken=str(error), file=file)
    if not isinstance(loaded, dict):
        end(none=[type(loaded).__name__])
    found = {str(key): value for key, value in loaded.items() if holds(value)} or ({"": loaded} if holds(loaded) else {})
    if not found:
        end(none=[str(key) for key in loaded])
    for key, value in found.items():
        state = states.setdefault(key, {})
        if twice := [each for each in value if each in state]:
            end(twice=str(twice[0]), file=file)
        state.update(value)
name = asked["state"]
if name is None:
    usual = [key for key in ("", "state_dict", "model", "module", "model_state_dict") if key in states]
    name = (usual or list(states))[0]
    if not usual and len(states) > 1:
        end(several=list(states))
if name not in states:
    end(several=list(states))
tensors = {key: value for key, value in states[name].items() if isinstance(value, torch.Tensor)}
save_file({key: value.detach().clone().contiguous() for key, value in tensors.items()}, asked["to"], {"format": "pt"})
end(state=name, tensors=len(tensors), others=[key for key in states if key != name], skipped=len(states[name]) - len(tensors))
`;

type Told =
  | {missing: string}
  | {old: string}
  | {twice: string; file: string}
  | {unsafe: string; file: string}
  | {broken: string; file: string}
  | {none: string[]}
  | {several: string[]}
  | {state: string; tensors: number; others: string[]; skipped: number};

export interface ConvertOptions {
  /** A `.safetensors` file, or a folder that takes the weights and copies of the configuration; default beside the pickle. */
  to?: string | undefined;
  /** Which of several state dicts: `state_dict_ema`, `teacher`. */
  state?: string | undefined;
  /** The interpreter; needs torch and safetensors. Default python3. */
  python?: string;
}

export interface Converted {
  /** The file that was written. */
  readonly path: string;
  readonly tensors: number;
  /** The state dict that was taken, '' where the pickle is one; and the names of the others. */
  readonly state: string;
  readonly others: readonly string[];
  /** Values that are no tensors and were left out. */
  readonly skipped: number;
}

/**
 * Writes the weights of a Python pickle as safetensors. The user's Python reads it, once, with `weights_only=True`, which
 * runs no code of the file.
 * @param from a pickle, or a folder that holds one or several shards
 * @throws InvarianceError `bad_weights` where there is no pickle, or it holds no weights or more than weights;
 *   `bad_option` where Python, torch or safetensors are missing or several state dicts could be meant
 */
export async function convertPickled(from: string, options: ConvertOptions = {}): Promise<Converted> {
  const {state, python = 'python3'} = options;
  const files = await pickles(from);
  const path = target(files[0]!, options.to);
  if ((await stat(path).catch(() => undefined)) !== undefined)
    throw badWeights(path, 'is there already; name another place for the weights, or move it away');
  const partial = `${path}.partial`;
  await mkdir(dirname(path), {recursive: true});
  try {
    const told = await run(python, {files, to: partial, state: state ?? null});
    if ('missing' in told)
      throw new InvarianceError(
        'bad_option',
        `${python} has no ${told.missing}: install it (${python} -m pip install torch safetensors) or name another with --python`,
      );
    if ('old' in told)
      throw new InvarianceError(
        'bad_option',
        `torch ${told.old} of ${python} may run code of a pickle all the same; install torch 2.6 or newer, or name another Python with --python`,
      );
    if ('twice' in told)
      throw badWeights(
        told.file,
        `holds ${told.twice} as another of its files does: not one model; name the file that is meant`,
      );
    if ('unsafe' in told)
      throw badWeights(
        told.file,
        `holds more than weights, and a pickle can run code when it is read (${firstLine(told.unsafe)}). If you trust it, save its ` +
          "weights alone: torch.save(torch.load(FILE, weights_only=False)['state_dict'], 'weights.pt')",
      );
    if ('broken' in told)
      throw badWeights(told.file, `cannot be read (${firstLine(told.broken)}); copy it again`);
    if ('none' in told)
      throw badWeights(from, `holds no state dict, only ${told.none.join(', ')}; save model.state_dict()`);
    if ('several' in told)
      throw new InvarianceError(
        'bad_option',
        `${from} holds the state dicts ${told.several.join(', ')}; choose one with --state`,
      );
    await rename(partial, path);
    // A folder of its own.
    if (options.to !== undefined && options.to !== path)
      await copyDescriptions(dirname(files[0]!), options.to);
    return {path, ...told};
  } finally {
    await rm(partial, {force: true});
  }
}

/** The pickles that together are one model: a file, or the shards of a folder. */
async function pickles(from: string): Promise<string[]> {
  const found = await stat(from).catch(() => undefined);
  if (found === undefined) throw badWeights(from, 'is not there; check the path');
  if (found.isFile()) return [resolve(from)];
  const names = (await readdir(from)).filter(isPickled).sort();
  const shards = names.filter(name => SHARD.test(name));
  const promised = Number(SHARD.exec(shards[0] ?? '')?.[1] ?? 0);
  if (shards.length !== promised)
    throw badWeights(
      from,
      `holds ${shards.length} of the ${promised} shards of its weights; copy the others`,
    );
  const taken = shards.length > 0 ? shards : names;
  if (taken.length === 0) throw badWeights(from, 'holds no pickled weights: nothing to convert');
  if (shards.length === 0 && taken.length > 1)
    throw badWeights(from, `holds ${taken.join(', ')}; name the one that is meant`);
  return taken.map(name => resolve(from, name));
}

/** Where it is found: under the name that model folders have, or the pickle's own. */
function target(file: string, to: string | undefined): string {
  if (to !== undefined && extname(to) === '.safetensors') return to;
  const name = basename(file);
  const own = name.startsWith('pytorch_model')
    ? 'model.safetensors'
    : `${name.replace(/(\.pth)?\.[^.]+$/, '')}.safetensors`;
  if (to === undefined) return join(dirname(file), own);
  return join(to, own === 'adapter_model.safetensors' ? own : 'model.safetensors');
}

/** What stands in `to` already stays. */
async function copyDescriptions(from: string, to: string): Promise<void> {
  for (const name of DESCRIPTIONS) {
    const description = await fileInside(from, name);
    if (description === undefined) continue;
    await copyFile(description, join(to, name), constants.COPYFILE_EXCL).catch(
      (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error;
      },
    );
  }
}

async function run(python: string, asked: object): Promise<Told> {
  const answer = promisify(execFile)(python, ['-c', PROGRAM, JSON.stringify(asked)], {maxBuffer: 1e7});
  const {stdout} = await answer.catch((error: NodeJS.ErrnoException & {stderr?: string}) => {
    const why =
      error.code === 'ENOENT'
        ? 'is not there'
        : `failed: ${firstLine(error.stderr?.trim().split('\n').at(-1) ?? '')}`;
    throw new InvarianceError(
      'bad_option',
      `${python} ${why}; name a Python that has torch and safetensors with --python`,
    );
  });
  return JSON.parse(stdout) as Told;
}

const firstLine = (text: string) => text.split('\n')[0]!;
