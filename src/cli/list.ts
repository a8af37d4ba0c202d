import {Command} from 'commander';
import {type Divergence, stateWords} from '../divergence.js';
import {runsFolder} from '../runs-folder.js';
import {textTable} from '../terminal/index.js';
import type {RunSummary, UnreadableRun} from '../journal/index.js';
import type {Reading, RunState} from '../types.js';

/** One run of a folder, as `list --json` prints it. */
interface ListedRun {
  id: string;
  name: string;
  folder: string;
  state: RunState;
  /** From which step on its training is known to have diverged, and how that was seen; else null. */
  diverged: Divergence | null;
  created: string;
  fingerprint: string;
  readings: number;
  step: number | null;
  /** Of the values of the training at that step the one that says most: accuracy where there is one, else loss. */
  result: {name: string; value: number} | null;
  /**
   * Mean retention of all layers, and of the shallow, middle and deep third of them, at the last reading of a checkpoint;
   * null where withheld.
   */
  retention: {mean: number | null; shallow: number | null; middle: number | null; deep: number | null} | null;
  /** Lines of its journal that are left out, for people. */
  problems: string[];
}

/** A run folder that cannot be read, as `list --json` prints it. */
interface UnlistedRun {
  /** Name of the folder. */
  id: string;
  folder: string;
  state: 'unreadable';
  problem: string;
}

/** `list`: the runs of a folder. */
export function listCommand(): Command {
  return new Command('list')
    .description('show the runs of a folder with their last retention')
    .argument('[folder]', 'folder of the runs', runsFolder())
    .option('--json', 'print JSON instead of a table')
    .action(async (folder: string, {json}: {json?: true}) => {
      const {leftOutText, listRuns} = await import('../journal/index.js');
      const {checkRunsFolder} = await import('./run-folder.js');
      checkRunsFolder(folder);
      const runs = (await listRuns(folder)).map(run => (run.status === 'read' ? listed(run) : unlisted(run)));
      if (json) process.stdout.write(`${JSON.stringify(runs, null, 2)}\n`);
      else if (runs.length === 0) process.stdout.write(`no runs in ${folder}\n`);
      else {
        const troubles = runs.flatMap(run => {
          const text = run.state === 'unreadable' ? run.problem : leftOutText(run.problems);
          return text === null ? [] : [`${run.id}: ${text}\n`];
        });
        process.stdout.write(`${tableOf(runs)}${troubles.join('')}`);
      }
    });
}

function unlisted({name, folder, problem}: UnreadableRun): UnlistedRun {
  return {id: name, folder, state: 'unreadable', problem};
}

function listed(run: RunSummary): ListedRun {
  const {info, folder, state, diverged, readings, last, logged, problems} = run;
  return {
    id: info.id,
    name: info.name,
    folder,
    state,
    diverged,
    created: new Date(info.created).toISOString(),
    fingerprint: info.fingerprint.id,
    readings,
    step: last?.step ?? null,
    result: resultOf(logged),
    // At step 0 stands the pretrained model itself, which says nothing of a finetune.
    retention: last && last.step > 0 ? bandsOf(last) : null,
    problems,
  };
}

/** Accuracy tells more than loss, and values on held-out data more than those of a training batch. */
const PREFERRED = [
  /(^|[_/])(eval|val|test)_?.*acc/i,
  /acc/i,
  /(^|[_/])(eval|val|test)_?.*loss/i,
  /^loss$/,
  /loss/i,
];

function resultOf(logged: Readonly<Record<string, number>>): ListedRun['result'] {
  for (const pattern of PREFERRED) {
    const name = Object.keys(logged).find(key => pattern.test(key));
    if (name !== undefined) return {name, value: logged[name]!};
  }
  return null;
}

function bandsOf(last: Reading): NonNullable<ListedRun['retention']> {
  const scores = last.scores.map(score => (score.status === 'scored' ? score.value : null));
  const third = scores.length / 3;
  const mean = (from: number, to: number): number | null => {
    const kept = scores.slice(Math.round(from), Math.round(to)).filter(score => score !== null);
    return kept.length === 0 ? null : kept.reduce((a, b) => a + b, 0) / kept.length;
  };
  return {
    mean: last.meanScore,
    shallow: mean(0, third),
    middle: mean(third, 2 * third),
    deep: mean(2 * third, scores.length),
  };
}

function tableOf(runs: readonly (ListedRun | UnlistedRun)[]): string {
  const head = [
    'run',
    'name',
    'started (UTC)',
    'state',
    'step',
    'readings',
    'result',
    'mean',
    'shallow',
    'middle',
    'deep',
    'fingerprint',
  ];
  const table = textTable([head, ...runs.map(run => [run.id, ...cellsOf(run, head.length - 1)])]);
  return `${table}mean: retention over all layers; shallow, middle, deep: over each third. runs of one fingerprint compare\n`;
}

function cellsOf(run: ListedRun | UnlistedRun, count: number): string[] {
  if (run.state === 'unreadable') return ['', '', run.state, ...Array.from({length: count - 3}, () => '–')];
  const {step, readings, result, retention, fingerprint} = run;
  const number = (value: number | null | undefined): string => value?.toFixed(2) ?? '–';
  return [
    run.name === run.id ? '' : run.name,
    run.created.slice(0, 16).replace('T', ' '),
    stateWords(run.state, run.diverged),
    String(step ?? '–'),
    String(readings),
    result === null ? '–' : `${result.name} ${result.value.toPrecision(3)}`,
    number(retention?.mean),
    number(retention?.shallow),
    number(retention?.middle),
    number(retention?.deep),
    fingerprint.slice(0, 8),
  ];
}
