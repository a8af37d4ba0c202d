import {describe, expect, it} from 'vitest';
import {departure, logOf} from '../../src/watch/history.js';

const rows = (losses: Record<number, number>) =>
  Object.entries(losses).map(([step, loss]) => ({step: Number(step), epoch: null, values: {loss}}));

describe('departure', () => {
  it('is null where a history goes on, repeats a part, or begins behind what is on record', () => {
    const record = logOf(rows({10: 3, 20: 2}));
    const histories: Record<number, number>[] = [{10: 3, 20: 2, 30: 1}, {10: 3}, {30: 1}, {}];
    for (const history of histories) expect(departure(record, rows(history))).toBeNull();
  });

  it('is the first step at which another value stands, or none', () => {
    const record = logOf(rows({10: 3, 20: 2, 30: 1}));
    expect(departure(record, rows({10: 3, 20: 9, 30: 9}))).toBe(20);
    expect(departure(record, rows({10: 3, 15: 2, 25: 1}))).toBe(20);
  });

  it('takes the values of several rows at one step together', () => {
    const loss = {step: 10, epoch: null, values: {loss: 1}};
    const accuracy = {step: 10, epoch: null, values: {accuracy: 0.5}};
    expect(departure(logOf([loss]), [loss, accuracy])).toBeNull();
    expect(departure(logOf([loss, accuracy]), [loss])).toBeNull();
  });
});
