import {describe, expect, it} from 'vitest';
import {lineOf, parseLine, parseLineOfFormat1} from '../../src/journal/journal-record.js';
import type {RunEvent} from '../../src/types.js';
import {everyEvent} from '../tracker/contract.js';
import {sampleReading} from '../tracker/sample-run.js';

const lineNamed = (text: string | null) => ({number: 3, text});
const parse = (value: unknown) => parseLine(lineNamed(JSON.stringify(value)));
const problemOf = (value: unknown) => {
  const parsed = parse(value);
  return parsed.status === 'bad' ? parsed.problem : null;
};

describe('a line of the journal', () => {
  const events: RunEvent[] = [
    ...everyEvent,
    {type: 'resumed', time: 5, step: 100},
    {type: 'notice', time: 6, level: 'info', code: 'a', message: 'b'},
    {type: 'notice', time: 6, level: 'error', code: 'a', message: 'b'},
    {type: 'logged', time: 7, step: 1, epoch: null, values: {a: NaN, b: Infinity, c: -Infinity}},
    ...(['finished', 'crashed', 'killed'] as const).map(state => ({type: 'ended', time: 8, state}) as const),
  ];
  it.each(events)('gives back the event it was made of: $type', event => {
    expect(parseLine(lineNamed(lineOf({kind: 'event', event})))).toEqual({
      status: 'read',
      seq: 3,
      kind: 'event',
      event,
    });
  });

  it('gives back the reading it was made of', () => {
    const reading = {...sampleReading(100), convergence: [0.1, null, 0, 0]};
    const line = lineOf({kind: 'reading', reading});
    expect(parseLine(lineNamed(line))).toEqual({status: 'read', seq: 3, kind: 'reading', reading});
    const measured = {...reading, acquired: {similarity: reading.drift, novelty: [0, null, 0, 0], gates: []}};
    expect(parseLine(lineNamed(lineOf({kind: 'reading', reading: measured})))).toMatchObject({
      reading: measured,
    });
  });

  it.each<[string, unknown]>([
    ['is no record', null],
    ['is no record', 5],
    ['is no record', 'text'],
    ['is no record', [1]],
  ])('%s where it holds %j', (problem, value) => {
    expect(problemOf(value)).toBe(problem);
  });

  it('says what is wrong with it, and where', () => {
    const reading = {type: 'reading', ...sampleReading(100)};
    expect(problemOf({...reading, scores: reading.scores.slice(1)})).toBe(
      'is no reading: scores: expected one a layer',
    );
    expect(problemOf({...reading, scores: [{status: 'scored', value: 'x', low: null, high: null}]})).toMatch(
      /^is no reading: scores\.0\.value: /,
    );
    expect(problemOf({type: 'resumed', time: 1})).toMatch(/^is no event: step: /);
    expect(problemOf({type: 'unheard of', time: 1})).toMatch(/^is no event: type: /);
    expect(parseLine(lineNamed('{'))).toEqual({status: 'bad', problem: 'is not JSON'});
    expect(parseLine(lineNamed(null))).toEqual({status: 'bad', problem: 'is too long'});
  });
});

describe('a line of format 1', () => {
  const event = {type: 'resumed', time: 1, step: 2};

  it('holds its own number', () => {
    expect(parseLineOfFormat1('event', lineNamed(JSON.stringify({seq: 9, ...event})))).toEqual({
      status: 'read',
      seq: 9,
      kind: 'event',
      event,
    });
  });

  it.each([undefined, -1, 1.5, '9'])('is none where that is %j', seq => {
    expect(parseLineOfFormat1('event', lineNamed(JSON.stringify({seq, ...event})))).toEqual({
      status: 'bad',
      problem: 'has no seq',
    });
  });
});
