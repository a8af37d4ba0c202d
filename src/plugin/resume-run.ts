import {existsSync} from 'node:fs';
import {join} from 'node:path';
import {loadOptimizer, type ResumePoint} from '../checkpoints/index.js';
import {InvarianceError} from '../errors.js';
import {readRun, runFiles, type RecordedRun} from '../journal/index.js';
import type {Fingerprint} from '../types.js';
import type {CheckedOptions} from './options.js';

/** What is on record up to the step a run is resumed from; null where its folder holds no record. */
export async function pastOf(folder: string, step: number): Promise<RecordedRun | null> {
  if (!existsSync(join(folder, runFiles.info))) return null;
  const run = await readRun(folder);
  return {
    ...run,
    readings: run.readings.filter(reading => reading.step <= step),
    events: run.events.filter(event => event.type !== 'logged' || event.step <= step),
  };
}

/**
 * The pretrained model, the probes and everything else readings depend on must be those of the run.
 * @throws InvarianceError `fingerprint_mismatch`, naming what differs
 */
export function refuseMismatch(
  fingerprint: Fingerprint,
  {folder, state}: ResumePoint,
  past: RecordedRun | null,
): void {
  if (fingerprint.id === state.fingerprint) return;
  const before = past?.info.fingerprint;
  const parts = ['pretrained', 'probes', 'seeds', 'layers', 'pooling', 'inversion', 'floor'] as const;
  const differing = parts.filter(
    part => before !== undefined && JSON.stringify(before[part]) !== JSON.stringify(fingerprint[part]),
  );
  throw new InvarianceError(
    'fingerprint_mismatch',
    `cannot resume run ${state.run} from ${folder}: ${differing.join(', ') || 'fingerprint'} differ from the run's; ` +
      'build the monitor on the same pretrained model and with the same options, or start a new run',
  );
}

/**
 * @returns what of the optimiser is the checkpoint's and not as it was made now, for people; null for nothing
 * @throws InvarianceError where the optimiser has to start afresh, with the reason
 */
export async function restoreOptimizer(
  {tf, model, optimizer = model.optimizer}: CheckedOptions,
  {folder, state: {optimizer: header}}: ResumePoint,
): Promise<string | null> {
  // The type says it is always set, but before the model is compiled it is not.
  if (!(optimizer as unknown)) {
    throw new InvarianceError(
      'bad_option',
      'the optimizer starts afresh: compile the model, or pass optimizer, before monitorInvariance',
    );
  }
  if (header === null) {
    throw new InvarianceError('bad_record', `the optimizer starts afresh: ${folder} holds no state of one`);
  }
  const restored = await loadOptimizer({tf, optimizer, folder, header});
  return restored.length === 0 ? null : `the optimizer goes on with ${restored.join(', ')}, as in ${folder}`;
}
