import {textTable} from '../../terminal/index.js';
import type {Score} from '../../types.js';
import type {Analysis} from './analysis.js';

/** What the ridge probes say, a table a set of labels; nothing without labels. */
export function ridgeText({layers, ridge}: Pick<Analysis, 'layers' | 'ridge'>): string[] {
  return (ridge ?? []).flatMap(({baseline, reading}) => [
    textTable([
      ['layer', 'probe accuracy before', 'now', 'change [95 %]', 'old probe, change [95 %]'],
      ...layers.map((layer, i) => [
        layer,
        share(baseline.accuracy[i]!),
        share(reading.accuracy[i]!),
        changeText(reading.change[i]!),
        changeText(reading.kept[i]!),
      ]),
    ]),
    `Ridge probes of ${baseline.labels}, ${baseline.classes} classes, chance ${share(baseline.chance)}, each image left out ` +
      'once; the old probe was fitted on the pretrained model.',
  ]);
}

function share(value: number | null): string {
  return value === null ? '–' : value.toFixed(2);
}

function changeText(score: Score): string {
  if (score.status === 'withheld') return `withheld: ${score.reason}`;
  const interval = score.low === null ? '' : ` [${signed(score.low)}, ${signed(score.high!)}]`;
  return signed(score.value) + interval;
}

function signed(value: number): string {
  const text = Math.abs(value).toFixed(2);
  return text === '0.00' ? text : `${value < 0 ? '−' : '+'}${text}`;
}
