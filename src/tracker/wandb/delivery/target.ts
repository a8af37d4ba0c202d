import type {RunPath, StreamPost} from '../protocol/api.js';

/** The server holds another number of rows than was thought: the journal is read again from its beginning. */
export class Rewind extends Error {}

/** A row on its way. */
export interface PendingRow {
  values: Record<string, unknown>;
  /** `values` as JSON. */
  text: string;
  /** Bytes of the text inside a request, where it is quoted once more. */
  bytes: number;
}

export type Standing = Pick<StreamPost, 'complete' | 'exitcode'>;

/**
 * The run that a journal is delivered to, with what sets the three cases apart: who counts its lines, how a row is
 * stamped, and who ends it. Rows go by `_step` of the journal's own row.
 */
export interface Target {
  readonly path: RunPath;
  /** Whether its end is ours to tell. */
  readonly isOurs: boolean;
  /** Looks for the run and touches nothing. */
  find(): Promise<void>;
  /** Until rows may be sent. @throws InvarianceError `tracker_failed` where they never may. */
  open(): Promise<void>;
  /** The summary of the run when it was opened, from which ours goes on. */
  readonly before: Record<string, unknown>;
  /** Whether the server was seen to hold this row. */
  holds(row: number): boolean;
  /** Asks the server anew what it holds. @throws Rewind where the rows before those on their way are gone. */
  look(): Promise<void>;
  /** How these rows stand in the history: the offset of the first, and their lines. */
  history(rows: readonly PendingRow[]): {offset: number; content: string[]};
  /** The server took these. */
  took(rows: readonly PendingRow[]): void;
  /** The summary that a post holds, given ours. */
  summary(ours: Record<string, unknown>): Record<string, unknown>;
  /** What a post of rows has to say, because any post counts as a sign of life; `ended` is the journal's own end. */
  standing(ended: number | null): Promise<Standing>;
  /** Rows that the server holds beyond this many, the journal's own. */
  beyond(rows: number): number;
  /** That the server holds the journal's rows, so many. @throws Rewind where it does not. */
  prove(rows: number): Promise<void>;
}
