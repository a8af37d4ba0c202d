import {describe, expect, it} from 'vitest';
import {createBudget} from '../../src/plugin/budget.js';
import {RunReadings} from '../../src/plugin/run-readings.js';
import {createNotices} from '../../src/tracker/notices.js';
import type {Reading, RunEvent} from '../../src/types.js';
import {sampleBaseline, sampleReading} from '../tracker/sample-run.js';
import {instantSource} from './monitored.js';

const at = (step: number) => ({step, epoch: null, time: 0, logged: {}});

/** Readings of a source that gives them when released, under a clock of their own, and what is recorded of them. */
function reading({strict = false, recorded = [] as number[], take = 0} = {}) {
  const clock = {now: 0};
  const {source, ...inside} = instantSource({deferred: true});
  const order: string[] = [];
  const given: Reading[] = [];
  const emit = (event: RunEvent): void =>
    void order.push(event.type === 'notice' ? `${event.code}: ${event.message}` : event.type);
  const budget = createBudget({share: 1, cores: 1, now: () => clock.now});
  const readings = new RunReadings(
    {
      source: {
        ...source,
        take: async (moment, options) => {
          clock.now += take;
          await source.take(moment, options);
        },
      },
      dispatcher: {event: emit, reading: ({step}) => void order.push(`reading ${step}`)},
      notices: createNotices({emit, print: () => {}, now: () => 0, strict}),
      budget,
      clock: () => clock.now,
      now: () => 0,
    },
    {recorded, strict, resumable: false, onDiverged: () => {}, onReading: one => given.push(one)},
  );
  return {readings, budget, clock, order, given, ...inside};
}

describe('the readings of a run', () => {
  it('are recorded when they come in, after the baseline, and counted', async () => {
    const {readings, order, given, release} = reading({recorded: [0]});
    await readings.begin();
    expect(readings.baseline).toEqual(sampleBaseline());
    await readings.take(at(5), {acquire: false});
    expect([readings.waiting, readings.count]).toEqual([1, 1]);
    release();
    expect(order).toEqual(['baseline', 'reading 5']);
    expect(given.map(({step}) => step)).toEqual([5]);
    expect([readings.waiting, readings.count]).toEqual([0, 2]);
  });

  it('are one a step, also where it is on record already', async () => {
    const {readings, moments} = reading({recorded: [0, 5]});
    await readings.begin();
    expect(await readings.take(at(5), {acquire: false})).toBe(false);
    expect(await readings.take(at(6), {acquire: true})).toBe(true);
    expect(await readings.take(at(6), {acquire: false})).toBe(false);
    expect(moments.map(({step, acquire}) => [step, acquire])).toEqual([[6, true]]);
  });

  it('charge the budget for the time the training stood still, and for the child', async () => {
    const {readings, budget, clock, release} = reading({take: 30});
    await readings.begin();
    budget.begin();
    await readings.take(at(5), {acquire: false});
    release();
    clock.now += 70;
    expect(budget.spending()).toEqual({training: 70, blocked: 30, child: 1});
  });

  it('of step 0 are on no account of the child, whenever they come in', async () => {
    const {readings, budget, events} = reading();
    await readings.begin();
    budget.begin();
    events().reading(sampleReading(0), {child: 500});
    expect(budget.spending().child).toBe(0);
  });

  it('that are still being measured are waited for at the end, and counted aloud', async () => {
    const {readings, order} = reading();
    await readings.begin();
    for (const step of [1, 2]) await readings.take(at(step), {acquire: false});
    await readings.drain();
    expect(order.slice(1)).toEqual([
      'draining: training is over; 2 readings are still being measured',
      'reading 1',
      'reading 2',
    ]);
  });

  it('that failed beside the training are thrown at the next occasion of a strict run only', async () => {
    const strict = reading({strict: true});
    await strict.readings.begin();
    strict.events().notice('warning', 'queue_full', 'too many wait');
    strict.readings.throwFault();
    strict.events().notice('error', 'reading_failed', 'no reading at step 5');
    expect(() => strict.readings.throwFault()).toThrow('no reading at step 5');
    await expect(strict.readings.drain()).rejects.toThrow('no reading at step 5');
    const lenient = reading();
    await lenient.readings.begin();
    lenient.events().notice('error', 'reading_failed', 'no reading at step 5');
    lenient.readings.throwFault();
  });
});
