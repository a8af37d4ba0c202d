import {describe, expect, it} from 'vitest';
import type {JournalRecord, NewRecord} from '../../src/journal/journal-record.js';
import {JournalEnd} from '../../src/journal/journal-end.js';
import {RunFold} from '../../src/journal/run-fold.js';
import type {RunEvent} from '../../src/types.js';
import {sampleBaseline, sampleReading} from '../tracker/sample-run.js';

const reading = (step: number, time = 1): NewRecord => ({
  kind: 'reading',
  reading: {...sampleReading(step), time},
});
const event = (value: RunEvent): NewRecord => ({kind: 'event', event: value});
const logged = (step: number) => event({type: 'logged', time: 1, step, epoch: null, values: {loss: step}});
const resumed = (step: number) => event({type: 'resumed', time: 1, step});
const checkpoint = event({type: 'checkpoint', time: 1, step: 30, path: 'a', aliases: []});
const notice = event({type: 'notice', time: 1, level: 'info', code: 'a', message: 'b'});
const ended = event({type: 'ended', time: 1, state: 'finished'});
const baseline = event({type: 'baseline', time: 1, baseline: sampleBaseline()});

const numbered = (records: NewRecord[]): JournalRecord[] => records.map((record, seq) => ({...record, seq}));

function folded(...records: NewRecord[]): RunFold {
  const fold = new RunFold();
  numbered(records).forEach(record => fold.see(record));
  return fold;
}

function endOf(...records: NewRecord[]): JournalEnd {
  const end = new JournalEnd();
  numbered(records).forEach(record => end.see(record));
  return end;
}

describe('what the records of a run come to', () => {
  it('is its readings by step, the later one of two', () => {
    const {readings} = folded(reading(200), reading(0), reading(100, 1), reading(100, 2));
    expect(readings.map(({step, time}) => [step, time])).toEqual([
      [0, 1],
      [100, 2],
      [200, 1],
    ]);
  });

  it('leaves out notices about steps past that one', () => {
    const about = (step: number) =>
      event({type: 'notice', time: 1, level: 'error', code: 'diverged', message: 'loss is NaN', step});
    const {events} = folded(about(10), about(30), notice, resumed(20));
    expect(events.map(past => (past.type === 'notice' ? past.step : past.type))).toEqual([
      10,
      undefined,
      'resumed',
    ]);
  });

  it('leaves out what was read and logged past the step from which it was resumed, and nothing else', () => {
    const {readings, events} = folded(
      ...[10, 20, 30].flatMap(step => [logged(step), reading(step)]),
      checkpoint,
      resumed(20),
      logged(25),
    );
    expect(readings.map(({step}) => step)).toEqual([10, 20]);
    expect(events.map(past => (past.type === 'logged' ? past.step : past.type))).toEqual([
      10,
      20,
      'checkpoint',
      'resumed',
      25,
    ]);
  });

  it('is measured against the last baseline, null before the first', () => {
    expect(folded(reading(0)).baseline).toBeNull();
    expect(folded(baseline, reading(0)).baseline).toEqual(sampleBaseline());
  });
});

describe('how a run stands', () => {
  const dead = {pid: 1, lives: false, from: 0};

  it('is running without an end while its writer may live, crashed where that is gone', () => {
    expect(endOf(reading(0)).state('elsewhere')).toBe('running');
    expect(endOf(reading(0)).state({...dead, lives: true})).toBe('running');
    expect(endOf(reading(0)).state(dead)).toBe('crashed');
  });

  it('is as its end says, also where notices follow', () => {
    const end = endOf(reading(0), ended, notice, checkpoint);
    for (const writer of ['elsewhere', dead, {...dead, lives: true}] as const)
      expect(end.state(writer)).toBe('finished');
  });

  it.each([
    ['a reading', reading(1)],
    ['logged values', logged(1)],
    ['a resume', resumed(1)],
    ['a baseline', baseline],
  ])('is running again where %s follows the end', (_, record) => {
    expect(endOf(ended, record).state('elsewhere')).toBe('running');
  });

  it('is running from the moment another process goes on, before it has said so', () => {
    const end = endOf(reading(0), ended);
    expect(end.state({...dead, lives: true, from: 2})).toBe('running');
    expect(end.state({...dead, from: 2})).toBe('finished');
  });

  it('has no end at a record behind its end, nor where there is none', () => {
    const end = endOf(reading(0), ended);
    expect([0, 1, 2].map(seq => end.since(seq))).toEqual(['finished', 'finished', null]);
    expect(endOf().since(0)).toBeNull();
  });
});
