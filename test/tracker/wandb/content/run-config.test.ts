import {describe, expect, it} from 'vitest';
import type {JournalRecord} from '../../../../src/journal/index.js';
import type {RunEvent} from '../../../../src/types.js';
import {RunConfig} from '../../../../src/tracker/wandb/content/run-config.js';
import {sampleBaseline, sampleInfo, sampleReading} from '../../sample-run.js';

const event = (value: RunEvent): JournalRecord => ({seq: 0, kind: 'event', event: value});
const logged = (...keys: string[]): JournalRecord =>
  event({
    type: 'logged',
    time: 1,
    step: 1,
    epoch: null,
    values: Object.fromEntries(keys.map(key => [key, 1])),
  });

/** Keys of the training that the config names. */
function namedIn(config: RunConfig): string[] {
  const {m} = config.value._wandb!.value as {m: Record<number, unknown>[]};
  const named = m.map(metric => metric[1]).filter(key => typeof key === 'string');
  return named.filter(key => !key.startsWith('invariance/'));
}

describe("a run's config, as far as its journal was read", () => {
  it('grows with the baseline and with names that it has not seen, and says whether it has grown', () => {
    const config = new RunConfig(sampleInfo());
    expect(config.see(logged('loss'))).toBe(true);
    expect(config.see(logged('loss'))).toBe(false);
    expect(config.see(logged('loss', 'lr'))).toBe(true);
    expect(config.see({seq: 0, kind: 'reading', reading: sampleReading(1)})).toBe(true);
    expect(config.see(event({type: 'resumed', time: 1, step: 1}))).toBe(false);
    expect(namedIn(config)).toEqual(['train/global_step', 'loss', 'lr', 'train/loss']);
    expect(config.value.invariance!.value).not.toHaveProperty('baseline');
    expect(config.see(event({type: 'baseline', time: 1, baseline: sampleBaseline()}))).toBe(true);
    expect(config.value.invariance!.value).toMatchObject({baseline: {seconds: 12}});
  });

  it('names 500 keys of the training; a pattern stands for the rest', () => {
    const config = new RunConfig(sampleInfo());
    config.see(logged(...Array.from({length: 501}, (_, i) => `key_${i}`)));
    expect(namedIn(config)).toHaveLength(501);
    expect(namedIn(config).at(-1)).toBe('key_499');
    expect(config.see(logged('one more'))).toBe(false);
  });

  it('says at which line of the history the run begins', () => {
    const config = new RunConfig(sampleInfo());
    config.firstLine = 3;
    expect(config.value.invariance!.value).toMatchObject({first_line: 3});
  });
});
