import {existsSync} from 'node:fs';
import {basename} from 'node:path';
import {findCheckpoints, findTrainings, type Checkpoint, type CheckpointMemory} from '../models/index.js';
import {InvarianceError} from '../errors.js';
import type {MeasuredCheckpoints} from './measured-checkpoints.js';

/** A checkpoint with a place on the time axis. */
export type Stepped = Checkpoint & {step: number};

/** What one look into the folder brought. */
export interface Scan {
  /** Complete, and not seen before in this state; ascending. */
  fresh: Stepped[];
  /** Complete, and not to be measured for this reason; each told once a state. */
  passedOver: {checkpoint: Stepped; reason: string}[];
  /** Still being written. */
  unfinished: Checkpoint[];
  /** Never to be read; all there are. */
  pickled: Checkpoint[];
  /** The one of the highest step. */
  newest: Stepped | undefined;
}

/**
 * Looks into a folder again and again; a checkpoint is fresh once, and again after it was replaced. The model that a
 * training leaves at the top of its folder is passed over where there are checkpoints: it repeats one of them.
 * A look throws `bad_option` where the folder holds several trainings, naming them.
 */
export function createScanner(folder: string, checkpoints: MeasuredCheckpoints): () => Promise<Scan> {
  const seen = new Map<string, number>();
  const cache: CheckpointMemory = new Map();
  return async () => {
    const found = existsSync(folder) ? await findCheckpoints(folder, {memory: cache}) : [];
    const trainings = await findTrainings(folder);
    refuse(folder, found, trainings);
    const own = found.filter(({path}) => !trainings.includes(path));
    const {standing, passedOver} = oneEachStep(withSteps(own, checkpoints));
    const fresh = standing.filter(({path, mtime}) => seen.get(path) !== mtime);
    for (const {path, mtime} of fresh) seen.set(path, mtime);
    return {
      fresh,
      passedOver: passedOver.filter(({checkpoint}) => !checkpoints.isDone(checkpoint)),
      unfinished: own.filter(({complete, pickled}) => !complete && !pickled),
      pickled: own.filter(({pickled}) => pickled),
      newest: standing.at(-1),
    };
  };
}

/** Those that tell no step follow the others in the order they were written, and keep the step they got. */
function withSteps(found: readonly Checkpoint[], checkpoints: MeasuredCheckpoints): Stepped[] {
  const complete = found.filter(checkpoint => checkpoint.complete);
  const others = complete.filter(({format}) => format !== 'final');
  const counted = others.length > 0 ? others : complete;
  let last = counted.reduce((most, {step}) => Math.max(most, step ?? 0), checkpoints.lastStep());
  const stepOf = ({path, step}: Checkpoint): number => {
    const known = step ?? checkpoints.stepOf(path);
    if (known !== undefined) return known;
    checkpoints.place(path, ++last);
    return last;
  };
  return counted
    .map(checkpoint => ({...checkpoint, step: stepOf(checkpoint)}))
    .sort((a, b) => a.step - b.step);
}

/** Of two at one step the newer one stands; step 0 is the pretrained model's. */
function oneEachStep(stepped: readonly Stepped[]): {standing: Stepped[]; passedOver: Scan['passedOver']} {
  const standing = new Map<number, Stepped>();
  for (const checkpoint of stepped) {
    const other = standing.get(checkpoint.step);
    if (checkpoint.step > 0 && (other === undefined || other.mtime <= checkpoint.mtime))
      standing.set(checkpoint.step, checkpoint);
  }
  const passedOver = stepped.flatMap(checkpoint => {
    const {step} = checkpoint;
    const instead = standing.get(step);
    if (instead === checkpoint) return [];
    const reason =
      instead === undefined
        ? 'it is before the first step, where the pretrained model is measured'
        : `${basename(instead.path)} has step ${step} too and is newer`;
    return [{checkpoint, reason}];
  });
  return {standing: [...standing.values()], passedOver};
}

/** Names that say that the folder itself is a training's. */
const OF_A_TRAINING = ['trainer', 'accelerate', 'lightning', 'timm'];

/**
 * Read as one run, several trainings would overwrite each other's steps.
 * @throws InvarianceError `bad_option` where the folder holds some, naming them
 */
export async function refuseSeveral(folder: string): Promise<void> {
  if (existsSync(folder)) refuse(folder, await findCheckpoints(folder), await findTrainings(folder));
}

function refuse(folder: string, found: readonly Checkpoint[], trainings: readonly string[]): void {
  const isOwn = ({path, format}: Checkpoint): boolean =>
    OF_A_TRAINING.includes(format) && !trainings.includes(path);
  const several = trainings.length > 0 && !found.some(isOwn) ? trainings : clashingVersions(found);
  if (several.length === 0) return;
  throw new InvarianceError(
    'bad_option',
    `${folder} holds trainings of its own: name ${several.length > 1 ? 'one of them' : 'it'}, or all for backfill: ` +
      several.join(' '),
  );
}

/** Lightning's `version_0`, `version_1`, …, where one step is in two of them: no training that was gone on with. */
function clashingVersions(found: readonly Checkpoint[]): string[] {
  const versions = new Map<string, Set<number>>();
  for (const {path, step, pickled} of found) {
    const version = /^.*[\\/]version_\d+(?=[\\/])/.exec(path)?.[0];
    if (version !== undefined && step !== null && !pickled)
      versions.set(version, (versions.get(version) ?? new Set()).add(step));
  }
  const steps = [...versions.values()].flatMap(each => [...each]);
  return new Set(steps).size < steps.length ? [...versions.keys()].sort() : [];
}
