import type {Baseline, Reading} from '../../types.js';
import type {MeasurerInfo, MeasurerSpec, ReadRequest} from './messages.js';
import type {OnProgress} from '../progress.js';
import type {ReadingCost} from '../reading-cost.js';
import {WorkerProcess} from './worker-process.js';

export interface ChildMeasurer {
  /** Known within seconds: layers, fingerprint, engine, probes. */
  info(): Promise<MeasurerInfo>;
  /** What readings will cost, by a trial. */
  cost(): Promise<ReadingCost>;
  /**
   * Reads a checkpoint's weights and measures nothing, so that bad ones are refused before the inversions begin.
   *
   * @throws InvarianceError `bad_weights`, naming the tensor.
   */
  check(folder: string): Promise<void>;
  /** Inverts what the cache lacks and measures the baseline; asked again, it answers at once. */
  baseline(): Promise<Baseline>;
  /**
   * Reads a checkpoint folder. Requests are answered in order.
   *
   * @throws InvarianceError `bad_weights`, naming the tensor, for a damaged checkpoint; the next one is read as usual.
   */
  read(request: ReadRequest): Promise<Reading>;
  /** Ends the processes at once and rejects open requests. Finished layers stay in the cache. */
  close(): Promise<void>;
}

/**
 * Measures Hugging Face folders in a niced process of its own, beside a training. With `workers` above 1 that many
 * single processes share the inversions through the cache: on an idle machine n processes of one thread are faster than
 * one of n threads.
 *
 * @param options.onNotice told when the process died and is started again, or when the cache cannot be used.
 */
export function startChildMeasurer(
  spec: MeasurerSpec,
  {
    onProgress = () => {},
    onNotice = () => {},
  }: {onProgress?: OnProgress; onNotice?: (code: string, message: string) => void} = {},
): ChildMeasurer {
  const helpers: WorkerProcess[] = [];

  /** Helpers are started once there is something to invert, and die unnoticed: their layers are taken over. */
  function startHelpers(): void {
    while (helpers.length < (spec.workers ?? 1) - 1) {
      const helper = new WorkerProcess(spec, {onProgress: () => {}, onNotice: () => {}});
      helpers.push(helper);
      helper
        .request({type: 'help'})
        .catch(() => {})
        .finally(() => helper.close());
    }
  }

  const main = new WorkerProcess(spec, {
    onProgress(progress) {
      if (progress.phase === 'estimate') startHelpers();
      onProgress(progress);
    },
    onNotice,
  });
  return {
    info: () => main.request({type: 'info'}),
    cost: () => main.request({type: 'cost'}),
    check: folder => main.request({type: 'check', folder}),
    baseline: () => main.request({type: 'baseline'}),
    read: request => main.request({type: 'read', request}),
    async close() {
      await Promise.all([main, ...helpers].map(process => process.close()));
    },
  };
}
