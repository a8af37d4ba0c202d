import type {Checkpoints, TrainingState} from '../checkpoints/index.js';
import type {LogEntry} from '../models/index.js';
import type {Dispatcher} from '../tracker/index.js';
import {BestCheckpoint, isOfReadings} from './best-checkpoint.js';
import {CheckpointWriter, type CheckpointParts} from './checkpoint-writer.js';
import {TrainingDivergence} from './divergence.js';
import type {CheckedOptions} from './options.js';
import {Position} from './position.js';
import type {ReadingSource} from './reading-source.js';
import {RunReadings, type ReadingParts} from './run-readings.js';
import {Schedule} from './schedule.js';
import {TrainingLog} from './training-log.js';

/** What a monitor is made of. */
export interface MonitorParts extends ReadingParts, CheckpointParts {
  options: CheckedOptions;
  run: {id: string; folder: string; fingerprint: string};
  source: ReadingSource;
  dispatcher: Dispatcher;
  /** Null where no checkpoints are asked for. */
  checkpoints: Checkpoints | null;
  /** Where training goes on, and what was recorded up to there; null for a fresh run. */
  resumed: {state: TrainingState; log: readonly LogEntry[]; readings: readonly number[]} | null;
  /** Writes the report of the run; its path. */
  report: () => Promise<string>;
  /** The run is over: the model may be monitored anew. */
  release: () => void;
}

/** What follows one training, each part with the state it holds. */
export interface TrainingParts {
  position: Position;
  log: TrainingLog;
  schedule: Schedule;
  readings: RunReadings;
  divergence: TrainingDivergence;
  /** Null where no checkpoints are asked for. */
  saving: {best: BestCheckpoint; writer: CheckpointWriter} | null;
}

/** Where a fresh run begins. */
const START = {step: 0, epochs: 0, batch: 0, stepsPerEpoch: null};

/** Puts them together, for a fresh run or for one that goes on. */
export function composeTraining(parts: MonitorParts): TrainingParts {
  const {options, budget, resumed} = parts;
  const {every, acquired, log: logging, checkpoints} = options;
  const start = resumed?.state ?? START;
  const position = new Position({...start, stepsPerEpoch: options.stepsPerEpoch ?? start.stepsPerEpoch});
  const log = new TrainingLog({entries: resumed?.log ?? [], step: start.step});
  const schedule = new Schedule({
    cadences: {every, acquired, log: logging, checkpoints: checkpoints?.every ?? null},
    budget,
    share: options.budget,
    start: {step: start.step, epochs: start.epochs, elapsed: 0},
    before: resumed?.state.every ?? null,
    readWithCheckpoints: isOfReadings(checkpoints?.monitor),
  });
  const saving = composeSaving(parts, {position, log, schedule});
  const divergence = new TrainingDivergence(parts.notices);
  const readings = new RunReadings(parts, {
    recorded: resumed?.readings ?? [],
    strict: options.strict,
    resumable: checkpoints !== null,
    onReading: (reading, baseline) => saving?.best.measured(reading, baseline),
    onDiverged: (step, why) => divergence.seen(step, why),
  });
  return {position, log, schedule, readings, divergence, saving};
}

function composeSaving(
  parts: MonitorParts,
  training: Pick<TrainingParts, 'position' | 'log' | 'schedule'>,
): TrainingParts['saving'] {
  const {options, dispatcher, notices, checkpoints, resumed, now} = parts;
  if (checkpoints === null) return null;
  const best = new BestCheckpoint({
    monitor: options.checkpoints?.monitor ?? null,
    checkpoints,
    notices,
    announce: ({step, path}) =>
      dispatcher.event({type: 'checkpoint', time: now(), step, path, aliases: ['best']}),
  });
  const newest = resumed?.state ?? null;
  return {best, writer: new CheckpointWriter(parts, {...training, checkpoints, best, newest})};
}
