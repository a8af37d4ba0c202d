import {existsSync} from 'node:fs';
import {InvarianceError, messageOf} from '../../../errors.js';
import {readRunInfo} from '../../../journal/index.js';
import {Delivery, type Delivered, type DeliveryOptions} from './delivery.js';
import {folderDeleted} from './folder-deleted.js';
import {readState, stateKeeper} from './state.js';

/**
 * Delivers a journal to its W&B run until the journal ends, and proves it: the server is asked what it holds before the
 * first row is sent, after every request that failed, and at the end of a run of ours. So nothing is sent twice and
 * nothing is missing, whatever broke in between, in this process or in one before it. Config, alerts, tables and
 * checkpoints go beside the rows and never hold them up.
 *
 * Memory: the rows of one request (2 MiB), a chunk of the journal, and a few numbers a reading for the charts.
 *
 * @throws InvarianceError `tracker_failed` where W&B refuses (key, deleted run) or was out of reach for too long, and the
 * journal stays as it is; `bad_record` where the run's folder is deleted meanwhile.
 */
export async function deliverRun(options: DeliveryOptions): Promise<Delivered> {
  const {folder, onNotice = () => {}} = options;
  const info = await readRunInfo(folder);
  const state = readState(folder);
  if (state === null) throw new InvarianceError('bad_record', `${folder} has no wandb.json`);
  const save = stateKeeper(folder, state, message => onNotice({level: 'warning', message}));
  const delivery = new Delivery(options, {info, state, save});
  try {
    const delivered = await delivery.run();
    state.problem = null;
    save();
    return delivered;
  } catch (error) {
    if (!existsSync(folder)) throw folderDeleted(folder);
    state.problem = messageOf(error);
    save();
    onNotice({level: 'warning', message: state.problem});
    throw error;
  } finally {
    await delivery.stop();
  }
}
