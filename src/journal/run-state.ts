import type {RunState} from '../types.js';
import {JournalEnd} from './journal-end.js';
import {journalRecords, JournalTail} from './journal-tail.js';
import {leftOutText} from './left-out.js';
import {writerOf} from './writer.js';

/**
 * How the run of a journal stands, without keeping the journal in memory.
 * @param options.onLeftOut told in one sentence what of the journal cannot be read
 */
export async function journalState(
  folder: string,
  {onLeftOut = () => {}}: {onLeftOut?: (text: string) => void} = {},
): Promise<RunState> {
  const end = new JournalEnd();
  const tail = new JournalTail(folder);
  for (const record of journalRecords(folder, {tail})) end.see(record);
  const text = leftOutText(tail.problemsAtEnd);
  if (text !== null) onLeftOut(text);
  return end.state(await writerOf(folder));
}

/** The other process of this machine that is writing the run just now; null where there is none. */
export async function otherWriter(folder: string): Promise<number | null> {
  const writer = await writerOf(folder);
  if (writer === 'elsewhere' || !writer.lives || writer.pid === process.pid) return null;
  return (await journalState(folder)) === 'running' ? writer.pid : null;
}
