import type {Command} from 'commander';
import {WATCH_DEFAULTS} from '../plugin/index.js';

/** Where a command that records leaves its record. */
export interface TrackingOptions {
  dir: string;
}

export function addTrackingOptions(command: Command): void {
  command.option('--dir <dir>', 'folder of the runs', WATCH_DEFAULTS.dir);
}
