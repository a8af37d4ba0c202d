import {describe, expect, it} from 'vitest';
import {createBudget} from '../../src/plugin/budget.js';
import {parseCadence, type CadenceText} from '../../src/plugin/cadence.js';
import {Schedule} from '../../src/plugin/schedule.js';

const STEPS_PER_EPOCH = 10;
const at = (step: number) => ({step, epochs: Math.floor(step / STEPS_PER_EPOCH), elapsed: 100 * step});

/** A schedule under a clock of its own; readings that were taken before training have stopped it for 100 ms each. */
function scheduled({
  every = '4 steps',
  acquired,
  checkpoints,
  share = Infinity,
  ...parts
}: {
  every?: CadenceText;
  acquired?: CadenceText;
  checkpoints?: CadenceText;
  share?: number;
} & Partial<ConstructorParameters<typeof Schedule>[0]> = {}) {
  const clock = {now: 0};
  const budget = createBudget({share, cores: 1, now: () => clock.now});
  budget.blocked(100);
  budget.begin();
  const parsed = (text: CadenceText | undefined) => (text === undefined ? null : parseCadence(text));
  const schedule = new Schedule({
    cadences: {
      every: parseCadence(every),
      acquired: parsed(acquired),
      log: parseCadence('5 steps'),
      checkpoints: parsed(checkpoints),
    },
    budget,
    share,
    start: at(0),
    before: null,
    readWithCheckpoints: false,
    ...parts,
  });
  return {schedule, clock};
}

/** Steps at which each thing is due in the first 12. */
function dueSteps(schedule: Schedule) {
  const due = {log: [] as number[], reading: [] as number[], checkpoint: [] as number[]};
  for (let step = 1; step <= 12; step++) {
    const now = schedule.advance(at(step), {isEpochEnd: false});
    for (const what of ['log', 'reading', 'checkpoint'] as const) if (now[what]) due[what].push(step);
  }
  return due;
}

describe('the schedule', () => {
  it('has each thing due at its own cadence', () => {
    const {schedule} = scheduled({checkpoints: '1 epoch'});
    expect(dueSteps(schedule)).toEqual({log: [5, 10], reading: [4, 8, 12], checkpoint: [10]});
  });

  it('has no checkpoint due where none are asked for', () => {
    expect(dueSteps(scheduled().schedule).checkpoint).toEqual([]);
  });

  it('has a reading due with every checkpoint that readings judge', () => {
    const {schedule} = scheduled({checkpoints: '5 steps', readWithCheckpoints: true});
    expect(dueSteps(schedule).reading).toEqual([4, 5, 8, 10, 12]);
  });

  it('always logs at the end of an epoch', () => {
    const {schedule} = scheduled();
    expect(schedule.advance(at(3), {isEpochEnd: true}).log).toBe(true);
  });

  it('has nothing due twice at one moment', () => {
    const {schedule} = scheduled();
    expect(schedule.advance(at(4), {isEpochEnd: false}).reading).toBe(true);
    expect(schedule.advance(at(4), {isEpochEnd: false}).reading).toBe(false);
  });

  it('counts from where a run goes on', () => {
    const {schedule} = scheduled({start: at(8)});
    expect(schedule.advance(at(9), {isEpochEnd: false}).reading).toBe(false);
    expect(schedule.advance(at(12), {isEpochEnd: false}).reading).toBe(true);
  });

  it('lets a reading acquire from when that was due until one has', () => {
    const {schedule} = scheduled({acquired: '3 steps'});
    schedule.advance(at(2), {isEpochEnd: false});
    expect(schedule.acquires).toBe(false);
    schedule.advance(at(3), {isEpochEnd: false});
    schedule.advance(at(4), {isEpochEnd: false});
    expect(schedule.acquires).toBe(true);
  });
});

describe('a schedule over its budget', () => {
  it('refuses the reading, says what it would cost, and stretches the cadence until one fits', () => {
    const {schedule, clock} = scheduled({share: 0.05});
    clock.now = 1000;
    expect(schedule.admit({step: 4, waiting: 0})).toEqual({
      status: 'refused',
      reason: 'readings would cost 10 % of training time, over the budget of 5 %: from here every 8 steps',
    });
    expect(schedule.every).toEqual({kind: 'steps', every: 8});
    clock.now = 2000;
    expect(schedule.admit({step: 8, waiting: 0})).toEqual({status: 'admitted'});
    expect(schedule.every).toEqual({kind: 'steps', every: 8});
  });

  it('knows no share before training has taken any time', () => {
    expect(scheduled({share: 0.05}).schedule.admit({step: 4, waiting: 0})).toMatchObject({
      reason: expect.stringMatching(/would cost more of training time/) as string,
    });
  });

  it('leaves a logarithmic cadence as it is, and takes a list at its word', () => {
    const log = scheduled({share: 0.05, every: 'log'}).schedule;
    expect(log.admit({step: 4, waiting: 0})).toMatchObject({
      reason: expect.stringMatching(/none at step 4$/) as string,
    });
    expect(log.every).toEqual({kind: 'log', base: 2});
    const list = scheduled({share: 0.05, every: [4]}).schedule;
    expect(list.admit({step: 4, waiting: 0})).toEqual({status: 'admitted'});
  });

  it('stays stretched in a run that is resumed, unless another cadence is asked for', () => {
    const before = {asked: parseCadence('4 steps'), now: parseCadence('16 steps')};
    expect(scheduled({before}).schedule.every).toEqual({kind: 'steps', every: 16});
    expect(scheduled({before, every: '2 steps'}).schedule.every).toEqual({kind: 'steps', every: 2});
  });
});
