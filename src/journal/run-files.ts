/** Names of the files in a run folder. */
export const runFiles = {
  info: 'run.json',
  journal: 'journal.jsonl',
  writer: 'writer.json',
  media: 'media',
  report: 'report.html',
} as const;

/** The two files that held the journal in format 1, each line with the `seq` that gives them one order. */
export const filesOfFormat1 = {reading: 'readings.jsonl', event: 'events.jsonl'} as const;
