import {describe, expect, it} from 'vitest';
import {describeCadence, isDue, parseCadence, stretch, type CadenceText} from '../../src/plugin/cadence.js';

/** Steps at which the cadence is due in a run of `steps` steps, 10 steps and 1,000 ms an epoch. */
function dueSteps(text: CadenceText, steps: number): number[] {
  const cadence = parseCadence(text);
  const at = (step: number) => ({step, epochs: Math.floor(step / 10), elapsed: step * 100});
  return Array.from({length: steps}, (_, i) => i + 1).filter(step => isDue(cadence, at(step - 1), at(step)));
}

describe('parseCadence', () => {
  it.each<[CadenceText, number[]]>([
    ['5 steps', [5, 10, 15, 20]],
    ['1 epoch', [10, 20]],
    ['epoch', [10, 20]],
    ['2 Epochs', [20]],
    ['0.5 seconds', [5, 10, 15, 20]],
    ['log', [1, 2, 4, 8, 16]],
    ['log 2', [1, 2, 4, 8, 16]],
    ['log 10', [1, 10]],
    ['log 1.5', [1, 2, 3, 5, 8, 11, 17]],
    [
      [7, 3, 3, 0, 12],
      [3, 7, 12],
    ],
  ])('%j is due at steps %j of 20', (text, steps) => {
    expect(dueSteps(text, 20)).toEqual(steps);
  });

  it('has moments at minutes and hours', () => {
    expect(parseCadence('10 minutes')).toEqual({kind: 'time', every: 600_000});
    expect(parseCadence('1 hour')).toEqual({kind: 'time', every: 3_600_000});
  });

  it.each([
    ['', /invalid every: ""; use '100 steps'/],
    ['often', /invalid every: "often"; use '100 steps'/],
    ['0 steps', /the count must be a number above 0/],
    ['-5 steps', /the count must be a number above 0/],
    ['many steps', /the count must be a number above 0/],
    ['1.5 epochs', /the count of epochs must be whole/],
    ['log 1', /the base of 'log' must be a number above 1/],
    [[], /at least one step/],
    [[10, -1], /each a whole number of 0 or more/],
    [[1.5], /each a whole number of 0 or more/],
  ] as [CadenceText, RegExp][])('refuses %j and says what to write', (text, message) => {
    expect(() => parseCadence(text)).toThrow(expect.objectContaining({code: 'bad_option'}) as Error);
    expect(() => parseCadence(text)).toThrow(message);
  });

  it('asks for the unit of a bare number', () => {
    expect(() => parseCadence(100 as unknown as string)).toThrow("did you mean '100 steps'?");
  });

  it('names the option it was given for', () => {
    expect(() => parseCadence('often', 'checkpoints.every')).toThrow('invalid checkpoints.every: "often"');
  });
});

describe('isDue', () => {
  it('is due once where several moments were passed at once', () => {
    const cadence = parseCadence('5 steps');
    const at = (step: number) => ({step, epochs: 0, elapsed: 0});
    expect(isDue(cadence, at(3), at(17))).toBe(true);
    expect(isDue(cadence, at(17), at(17))).toBe(false);
  });
});

describe('stretch', () => {
  it('keeps every second moment of a regular cadence', () => {
    expect(describeCadence(stretch(parseCadence('100 steps')))).toBe('every 200 steps');
    expect(describeCadence(stretch(parseCadence('1 epoch')))).toBe('every 2 epochs');
    expect(describeCadence(stretch(parseCadence('1 minute')))).toBe('every 120 seconds');
  });

  it('leaves lists and logarithmic cadences as they are', () => {
    expect(stretch(parseCadence([1, 5]))).toEqual(parseCadence([1, 5]));
    expect(stretch(parseCadence('log'))).toEqual(parseCadence('log'));
  });
});
