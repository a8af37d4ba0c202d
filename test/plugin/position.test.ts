import {describe, expect, it} from 'vitest';
import {Position} from '../../src/plugin/position.js';

const START = {step: 0, epochs: 0, batch: 0, stepsPerEpoch: null};

function after(batches: number, position: Position): Position {
  for (let batch = 0; batch < batches; batch++) position.countStep();
  return position;
}

describe('the position of a training', () => {
  it('counts the epoch under way in part where its length is known', () => {
    const position = after(3, new Position({...START, stepsPerEpoch: 4}));
    expect(position).toMatchObject({step: 3, epochs: 0, batch: 3, epoch: 0.75});
  });

  it('tells no epoch inside the first one while its length is unknown, and learns it at its end', () => {
    const position = after(4, new Position(START));
    expect(position.epoch).toBeNull();
    position.countEpoch();
    expect(position.epoch).toBe(1);
    expect(after(1, position).epoch).toBe(1.25);
  });

  it('keeps the length it was told where an epoch ends early', () => {
    const position = after(3, new Position({...START, stepsPerEpoch: 4}));
    position.countEpoch();
    expect(position).toMatchObject({step: 3, epochs: 1, batch: 0, stepsPerEpoch: 4});
  });

  it('does not learn it from an epoch without a batch', () => {
    const position = new Position(START);
    position.countEpoch();
    expect(position.stepsPerEpoch).toBeNull();
  });

  it('goes on with the next epoch after the last batch of one', () => {
    const position = after(3, new Position({...START, stepsPerEpoch: 4}));
    expect(position.next).toEqual({epochs: 0, batch: 3});
    expect(after(1, position).next).toEqual({epochs: 1, batch: 0});
  });

  it('goes on where it was told to, and from the first batch of an epoch that is started again', () => {
    const position = new Position({step: 14, epochs: 1, batch: 4, stepsPerEpoch: 10});
    expect(position.epoch).toBe(1.4);
    position.restartEpoch();
    expect(position).toMatchObject({step: 14, epochs: 1, batch: 0, epoch: 1});
  });
});
