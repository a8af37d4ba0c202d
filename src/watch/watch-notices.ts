import type {Checkpoint} from '../models/index.js';
import type {WatchRecord} from './record.js';

/** What a watch has to say, each message once. Holds what was said, and the checkpoints that could not be measured. */
export class WatchNotices {
  readonly failed: {path: string; reason: string}[] = [];
  private readonly told = new Set<string>();

  /** @param say told each message after it was recorded */
  constructor(
    private readonly record: Pick<WatchRecord, 'notice'>,
    readonly say: (line: string) => void,
  ) {}

  raise(level: 'info' | 'warning', code: string, message: string): void {
    if (this.told.has(message)) return;
    this.told.add(message);
    this.record.notice(level, code, message);
    this.say(message);
  }

  fail(path: string, reason: string): void {
    this.failed.push({path, reason});
    this.raise('warning', 'checkpoint_skipped', `${path} is left out: ${reason}`);
  }

  /** One failure for all: a folder of 10,000 other files of PyTorch's is not 10,000 failures. */
  failPickled([first, ...others]: readonly Checkpoint[]): void {
    if (first === undefined) return;
    const {path, waiting} = first;
    const reason = `${waiting}${others.length > 0 ? ` (and ${others.length} more like it)` : ''}`;
    const known = this.failed.find(failure => failure.path === path);
    if (known !== undefined) known.reason = reason;
    else this.fail(path, reason);
  }
}
