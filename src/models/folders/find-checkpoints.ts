import type {Dirent} from 'node:fs';
import {readdir, realpath, stat} from 'node:fs/promises';
import {join} from 'node:path';
import {messageOf} from '../../errors.js';
import {checkpointName, type CheckpointFormat, type CheckpointName} from './checkpoint-names.js';
import {isInside} from './links.js';
import {inPieces} from './in-pieces.js';
import {isPickled, pickledRefusal} from './pickled.js';
import {badWeights} from '../safetensors/tensor.js';
import {readTrainerState} from './trainer-state.js';
import {weightsState} from './weights-state.js';

export interface Checkpoint {
  /** A folder or a `.safetensors` file, for `openModelFolder`. */
  readonly path: string;
  readonly format: CheckpointFormat;
  /** Of `trainer_state.json`, else of the name; where that numbers saves or epochs, how many are done; null without. */
  readonly step: number | null;
  readonly epoch: number | null;
  /** Every byte that the headers promise is there and nobody writes any more. */
  readonly complete: boolean;
  /** Why it is not complete; null where it is. */
  readonly waiting: string | null;
  /** It never will be: its weights are a Python pickle, and `waiting` holds the line that converts them. */
  readonly pickled: boolean;
  /** Of its weights, Unix milliseconds: a checkpoint whose weights were replaced has another. */
  readonly mtime: number;
}

export interface FindCheckpointsOptions {
  /** Checkpoints of the last scan by path; those whose files did not change are not opened again. */
  readonly memory?: CheckpointMemory;
  /** Unix milliseconds; default the system's clock. */
  readonly now?: () => number;
}

/** Kept by the caller from one scan to the next. */
export type CheckpointMemory = Map<string, {stamp: string; checkpoint: Checkpoint}>;

/** A checkpoint is left alone until its files are this old, in ms: some writers make them full-sized first. */
const SETTLE_MS = 1000;

/**
 * The Trainer writes optimiser state between weights and `trainer_state.json`. A checkpoint that has its
 * `training_args.bin` but no state yet is waited for this long, in ms, before it counts as cut short but usable.
 */
const TRAINER_MS = 60_000;

/** Folders on the way to checkpoints, which are looked into, this deep. */
export const ON_THE_WAY = /^(checkpoints|lightning_logs|version_\d+)$/;
const DEPTH = 3;

/** Parts of a model or a trainer, never checkpoints of their own. */
const NO_CHECKPOINT =
  /^((model(_\d+)?|adapter_model|.*-\d{5}-of-\d{5})\.safetensors|(optimizer|scheduler|rng_state).*)$/;

/** A checkpoint in one file; a pickled one is listed so that its reason says how to convert it. */
const LONE_FILE = /^(.+)\.(safetensors|ckpt|pth|pt|pth\.tar)$/;

/** Files that are open at once. */
const AT_ONCE = 32;

/**
 * Lists the checkpoints in a training's output folder, by step and then by age: Hugging Face Trainer
 * (`checkpoint-N`), Accelerate (`checkpoints/checkpoint_N`), Lightning and timm exports, any model folder or
 * `.safetensors` file, and the model at the top that `save_model()` leaves (`final`). Hidden files, which is how
 * atomic writers begin, are passed over; so are links to another checkpoint of the same folder.
 * Reads names, headers and `trainer_state.json`, never a tensor; with `memory`, what did not change is not opened again.
 * What that costs with 10,000 files: docs/python.md.
 * @throws InvarianceError `bad_weights` where the folder cannot be read
 */
export async function findCheckpoints(
  folder: string,
  {memory = new Map(), now = Date.now}: FindCheckpointsOptions = {},
): Promise<Checkpoint[]> {
  const home = await realpath(folder).catch((error: unknown) => {
    throw badWeights(folder, `cannot be read (${messageOf(error)}); check the path`, error);
  });
  const candidates = await candidatesIn(folder, home, DEPTH);
  const found: Checkpoint[] = [];
  for (let i = 0; i < candidates.length; i += AT_ONCE) {
    const looked = candidates.slice(i, i + AT_ONCE).map(candidate => look(candidate, memory, now()));
    found.push(...(await Promise.all(looked)).flatMap(checkpoint => checkpoint ?? []));
  }
  return found.sort((a, b) => (a.step ?? Infinity) - (b.step ?? Infinity) || a.mtime - b.mtime);
}

interface Candidate extends CheckpointName {
  readonly path: string;
  /** Set for a link that leaves the folder, which is not followed. */
  readonly strays?: string;
  /** One file, pickled by its name. */
  readonly pickled?: true;
}

async function candidatesIn(folder: string, home: string, depth: number): Promise<Candidate[]> {
  const entries = await readdir(folder, {withFileTypes: true}).catch(() => []);
  const visible = entries.filter(({name}) => !name.startsWith('.') && !name.endsWith('.tmp'));
  const nested = await Promise.all(visible.map(entry => candidateOf(folder, entry, home, depth)));
  const top = visible.some(({name}) =>
    /^(model\.safetensors(\.index\.json)?|adapter_config\.json)$/.test(name),
  );
  const itself: Candidate[] =
    top && depth === DEPTH ? [{path: folder, format: 'final', step: null, epoch: null}] : [];
  return [...itself, ...nested.flat()];
}

async function candidateOf(folder: string, entry: Dirent, home: string, depth: number): Promise<Candidate[]> {
  const {name} = entry;
  const path = join(folder, name);
  const stem = NO_CHECKPOINT.test(name) ? '' : (LONE_FILE.exec(name)?.[1] ?? '');
  if (entry.isSymbolicLink()) {
    const target = await realpath(path).catch(() => home);
    const known = checkpointName(stem || name, stem ? 'file' : 'folder');
    const strays = target !== home && !isInside(home, target) && (stem !== '' || known.format !== 'folder');
    return strays ? [{path, ...known, strays: target}] : [];
  }
  if (entry.isFile() && stem === '') return [];
  if (entry.isFile())
    return [{path, ...checkpointName(stem, 'file'), ...(isPickled(path) && {pickled: true})}];
  if (!entry.isDirectory()) return [];
  if (ON_THE_WAY.test(name)) return depth > 0 ? candidatesIn(path, home, depth - 1) : [];
  return [{path, ...checkpointName(name, 'folder')}];
}

/** Undefined for a folder that holds no model, and for what was deleted meanwhile. */
async function look(
  candidate: Candidate,
  memory: CheckpointMemory,
  now: number,
): Promise<Checkpoint | undefined> {
  const {path, format, strays} = candidate;
  const base = {path, format, step: candidate.step, epoch: candidate.epoch, pickled: false};
  if (strays !== undefined) {
    const waiting = `is a link that leaves the folder, to ${strays}; copy the checkpoint itself`;
    return {...base, complete: false, waiting, mtime: 0};
  }
  const remember = (checkpoint: Checkpoint, stamp: string): Checkpoint => {
    memory.set(path, {stamp, checkpoint});
    return checkpoint;
  };
  if (candidate.pickled) {
    // Its name says it all, and there may be thousands, of features or other data.
    const known = memory.get(path)?.checkpoint;
    if (known !== undefined) return known;
    const waiting = pickledRefusal(path).message;
    return remember({...base, complete: false, waiting, pickled: true, mtime: 0}, '');
  }
  const weights = await weightsState(path, memory.get(path)?.stamp);
  if (weights.status === 'unchanged') return memory.get(path)!.checkpoint;
  memory.delete(path);
  if (weights.status === 'none' && (format === 'folder' || !(await exists(path)))) return undefined;
  if (weights.status === 'none') {
    const pieces = await inPieces(path);
    return {...base, complete: false, waiting: pieces ?? 'has no weights yet', mtime: 0};
  }

  const {mtime, newest, stamp, names} = weights;
  const state = await readTrainerState(path, {notBefore: mtime});
  const named = {...base, step: state?.step ?? base.step, epoch: state?.epoch ?? base.epoch, mtime};
  if (weights.status === 'partial') {
    if (!(await exists(path))) return undefined;
    const {reason, pickled} = weights;
    return remember({...named, complete: false, waiting: reason, pickled}, stamp);
  }
  const patience = names.includes('training_args.bin') && format === 'trainer' ? TRAINER_MS : SETTLE_MS;
  if (state === undefined && now - newest < patience)
    return {...named, complete: false, waiting: `was written ${now - newest} ms ago and may not be done`};
  return remember({...named, complete: true, waiting: null}, stamp);
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
