import {textTable} from '../../terminal/index.js';
import type {Reading, Score} from '../../types.js';
import type {FactorReading} from './factor-control.js';
import {titleOf} from './tasks.js';

/** What the summary says of one finetune. */
export interface Watched {
  /** What it learned to tell: "colour", "shape". */
  task: string;
  /** Share of held-out scenes named rightly. */
  accuracy: number;
  /** At least the one before training and one after it. */
  readings: readonly Reading[];
  factor: readonly FactorReading[];
}

const BAR = 12;

/** The two finetunes layer by layer, and in plain words what was seen. Nothing in it is known before it is measured. */
export function summaryOf(needs: Watched, without: Watched): string {
  return [tableOf(needs, without), '', ...sentencesOf(needs, without)].join('\n');
}

function tableOf(needs: Watched, without: Watched): string {
  const both = [needs, without];
  const layers = lastOf(needs).layers;
  const rows = [
    ['', ...both.map(({task}) => titleOf({name: task}))],
    ['layer', ...both.map(() => 'retention, 95 % interval')],
    ...layers.map((layer, i) => [layer, ...both.map(watched => cellOf(lastOf(watched).scores[i]))]),
    ['mean', ...both.map(watched => numberOf(lastOf(watched).meanScore))],
    [],
    ['accuracy on new scenes', ...both.map(({accuracy}) => percentOf(accuracy))],
    ['weights moved by', ...both.map(watched => percentOf(movedBy(lastOf(watched))))],
    ['blind to colour, measured directly*', ...both.map(({factor}) => startToEnd(factor))],
  ];
  return `${textTable(rows)}* CKA of the layers on the same scenes in other colours: 1 = cannot tell, 0 = sees little else`;
}

function sentencesOf(needs: Watched, without: Watched): string[] {
  const [{meanScore: forgot}, {meanScore: kept}] = [lastOf(needs), lastOf(without)];
  if (forgot === null || kept === null)
    return ['A run has no mean retention, so there is nothing to compare.'];
  const apart = lastOf(needs).layers.filter((_, i) =>
    isBelow(lastOf(needs).scores[i], lastOf(without).scores[i]),
  );
  const outcome =
    kept > forgot
      ? `Learning to tell ${needs.task}s apart cost the layers ${percentOf(1 - forgot)} of the invariance that ` +
        `pretraining\nadded, on average; learning to tell ${without.task}s apart, ${percentOf(1 - kept)}.`
      : `Learning to tell ${needs.task}s apart left the layers ${percentOf(forgot)} of the invariance that ` +
        `pretraining\nadded, on average, and learning to tell ${without.task}s apart no more: ${percentOf(kept)}.`;
  return [
    outcome,
    `The intervals of the two are apart in ${apart.length} of ${lastOf(needs).layers.length} layers` +
      (apart.length > 0 ? `: ${apart.join(', ')}.` : '.'),
  ];
}

/** Mean over the layers of the ground truth; null where none has one. */
export function blindnessOf({similarity}: FactorReading): number | null {
  return mean(similarity.filter(value => value !== null));
}

function lastOf({readings}: Watched): Reading {
  return readings.at(-1)!;
}

function movedBy({weightDrift}: Reading): number | null {
  return mean(weightDrift.filter(value => value !== null));
}

function isBelow(score: Score | undefined, other: Score | undefined): boolean {
  if (score?.status !== 'scored' || other?.status !== 'scored') return false;
  return score.high !== null && other.low !== null && score.high < other.low;
}

function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function cellOf(score: Score | undefined): string {
  if (score?.status !== 'scored') return `withheld: ${score?.reason ?? 'not measured'}`;
  const filled = Math.round(Math.min(Math.max(score.value, 0), 1) * BAR);
  const interval = score.low === null ? '' : ` [${numberOf(score.low)}, ${numberOf(score.high)}]`;
  return `${'█'.repeat(filled)}${'░'.repeat(BAR - filled)} ${numberOf(score.value)}${interval}`;
}

function startToEnd(factor: readonly FactorReading[]): string {
  return `${numberOf(blindnessOf(factor[0]!))} → ${numberOf(blindnessOf(factor.at(-1)!))}`;
}

function numberOf(value: number | null): string {
  return value === null ? '–' : value.toFixed(2);
}

function percentOf(value: number | null): string {
  return value === null ? '–' : `${Math.round(value * 100)} %`;
}
