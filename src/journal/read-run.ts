import type {Baseline, Reading, RunEvent, RunInfo, RunState} from '../types.js';
import {journalRecords, JournalTail} from './journal-tail.js';
import {RunFold} from './run-fold.js';
import {readRunInfo} from './run-info.js';
import {writerOf} from './writer.js';

/** A run as its folder holds it. */
export interface RecordedRun {
  /** Path of the run folder. */
  folder: string;
  /** What the run was made with. */
  info: RunInfo;
  /** Null until the first measurement of the pretrained model is on record. */
  baseline: Baseline | null;
  /**
   * By step; of two at one step the later one stands. After a resume from step s, what the crashed process had read and
   * logged past s is superseded and not in here: training went on from s, not from there.
   */
  readings: Reading[];
  /** In the order they were written. */
  events: RunEvent[];
  /** Without an end, 'crashed' where the process that wrote it is known to be gone. */
  state: RunState;
  /** Lines that were left out, for people: "journal.jsonl line 7 is not JSON". */
  problems: string[];
}

/**
 * Reads a run folder. A torn last line, a line that cannot be read, and one that comes twice are left out, and named in
 * `problems`; nothing is written.
 *
 * @param folder path of the run folder, `invariance/<run>`.
 * @throws InvarianceError `bad_record` where `run.json` is missing or no description of a run; `io_failed`.
 * @example
 * import {readRun} from 'wandb-invariance';
 *
 * const {info, readings} = await readRun('invariance/20260311-142530-3f9a');
 * for (const {step, meanScore} of readings) console.log(info.name, step, meanScore);
 */
export async function readRun(folder: string): Promise<RecordedRun> {
  const info = await readRunInfo(folder);
  const tail = new JournalTail(folder);
  const fold = new RunFold();
  for (const record of journalRecords(folder, {tail})) fold.see(record);
  const {baseline, readings, events} = fold;
  const state = fold.state(await writerOf(folder));
  return {folder, info, baseline, readings, events, state, problems: tail.problemsAtEnd};
}
