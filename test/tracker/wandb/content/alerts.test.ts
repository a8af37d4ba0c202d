import {describe, expect, it} from 'vitest';
import {Alerts, fallSteps} from '../../../../src/tracker/wandb/content/alerts.js';
import type {JournalRecord} from '../../../../src/journal/index.js';
import type {Reading} from '../../../../src/types.js';
import {sampleReading} from '../../sample-run.js';

const layer = 'block_00';

/** A reading in which one layer has this retention. */
function at(step: number, value: number): JournalRecord {
  const reading: Reading = {
    ...sampleReading(step),
    layers: [layer],
    scores: [{status: 'scored', value, low: null, high: null}],
  };
  return {seq: step, kind: 'reading', reading};
}

const titles = (alerts: Alerts, records: JournalRecord[]) =>
  records.flatMap(record => alerts.see(record).map(({text}) => text));

describe('alerts', () => {
  it(`on a fall compare with the newest reading at least ${fallSteps} steps back`, () => {
    const alerts = new Alerts({fallPer1000Steps: 1}, []);
    const records = [at(0, 1), at(90, 0.99), at(150, 0.98), at(199, 0.97), at(260, 0.8)];
    expect(titles(alerts, records)).toEqual([
      'retention of block_00 fell from 0.980 to 0.800 within 110 steps at step 260: 1.636 per 1,000 steps, more than 1',
    ]);
  });

  it('do not take the noise of two readings close together for a fall', () => {
    const alerts = new Alerts({fallPer1000Steps: 1}, []);
    expect(titles(alerts, [at(0, 1), at(1, 0.98), at(2, 0.96), at(50, 0.95), at(99, 0.94)])).toEqual([]);
  });

  it('forget what was read past the checkpoint that a run resumes from', () => {
    const alerts = new Alerts({fallPer1000Steps: 1}, []);
    const resumed: JournalRecord = {seq: 9, kind: 'event', event: {type: 'resumed', time: 1, step: 0}};
    // 0.9 over the 300 steps from 0 is no fall that fast; over the 100 from the superseded 200 it would be one.
    expect(titles(alerts, [at(0, 1), at(200, 1), resumed, at(300, 0.85)])).toEqual([]);
  });

  it('come once a layer, also where another process raised them', () => {
    const rules = {below: 0.5};
    expect(titles(new Alerts(rules, []), [at(0, 0.4), at(100, 0.3)])).toHaveLength(1);
    expect(titles(new Alerts(rules, [layer]), [at(0, 0.4)])).toEqual([]);
  });

  it('say which layer fell under what', () => {
    expect(new Alerts({below: 0.5}, []).see(at(7, 0.25))).toEqual([
      {
        layer,
        title: 'low retention in block_00',
        text: 'retention of block_00 is 0.250 at step 7, under 0.5',
      },
    ]);
    const fall = new Alerts({fallPer1000Steps: 1}, []);
    fall.see(at(0, 1));
    expect(fall.see(at(100, 0.75)).map(({title}) => title)).toEqual(['retention of block_00 falls fast']);
  });

  it('do not come at the threshold itself, nor at the rate itself', () => {
    expect(titles(new Alerts({below: 0.5}, []), [at(0, 0.5)])).toEqual([]);
    expect(titles(new Alerts({fallPer1000Steps: 2.5}, []), [at(0, 1), at(100, 0.75)])).toEqual([]);
    expect(titles(new Alerts({fallPer1000Steps: 2.4}, []), [at(0, 1), at(100, 0.75)])).toHaveLength(1);
  });

  it('come of no rule that is not set, and of no layer that is withheld', () => {
    expect(titles(new Alerts({}, []), [at(0, 1), at(100, -1)])).toEqual([]);
    const withheld = at(0, 0);
    if (withheld.kind === 'reading')
      withheld.reading.scores = [{status: 'withheld', reason: 'the layer is constant'}];
    expect(titles(new Alerts({below: 0.5, fallPer1000Steps: 1}, []), [withheld])).toEqual([]);
    expect(titles(new Alerts({fallPer1000Steps: 1}, []), [withheld, at(100, 0.1)])).toEqual([]);
    expect(titles(new Alerts({fallPer1000Steps: 1}, []), [at(-100, 1), withheld])).toEqual([]);
  });

  it('compare with a reading of the step that is resumed from', () => {
    const alerts = new Alerts({fallPer1000Steps: 1}, []);
    const resumed: JournalRecord = {seq: 9, kind: 'event', event: {type: 'resumed', time: 1, step: 200}};
    expect(titles(alerts, [at(0, 0.8), at(200, 1), resumed, at(300, 0.85)])).toHaveLength(1);
  });

  it('are not disturbed by other events', () => {
    const alerts = new Alerts({fallPer1000Steps: 1}, []);
    const logged: JournalRecord = {
      seq: 9,
      kind: 'event',
      event: {type: 'logged', time: 1, step: 0, epoch: null, values: {}},
    };
    expect(titles(alerts, [at(100, 1), logged, at(200, 0.5)])).toHaveLength(1);
  });
});
