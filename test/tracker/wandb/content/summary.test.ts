import {describe, expect, it} from 'vitest';
import {Summary, summaryText} from '../../../../src/tracker/wandb/content/summary.js';

const layers = ['block_00'];
const lowest = 'invariance/retention';
const highest = 'invariance/forgetting';

/** The summary of these rows; `initial` is what the server held before. */
function summaryOf(rows: Record<string, unknown>[], initial: Record<string, unknown> = {}) {
  const summary = new Summary(layers, initial);
  for (const row of rows) summary.add(row);
  return summary.values;
}

const at = (step: number, values: Record<string, unknown>) => ({'train/global_step': step, ...values});

describe('the summary of a run', () => {
  it('holds the last value of what the training logged, a number or not', () => {
    expect(summaryOf([at(1, {loss: 3, note: 'a'}), at(2, {loss: 1}), at(3, {loss: 2, note: 'b'})])).toEqual({
      'train/global_step': 3,
      loss: 2,
      note: 'b',
    });
  });

  it('holds the lowest or the highest of our own keys, as their table says, and the last', () => {
    const rows = [0.5, 0.2, 0.4].map((value, i) => at(i, {[lowest]: value, [highest]: value}));
    expect(summaryOf(rows)).toMatchObject({
      [lowest]: {min: 0.2, last: 0.4},
      [highest]: {max: 0.5, last: 0.4},
      'train/global_step': 2,
    });
  });

  it('holds the last alone of keys whose lowest says nothing', () => {
    const key = 'invariance/retention_low/block_00';
    expect(summaryOf([at(0, {[key]: 0.1}), at(1, {[key]: 0.3})])[key]).toEqual({last: 0.3});
  });

  it('takes the highest step for the last, where checkpoints are measured newest first', () => {
    const rows = [
      at(200, {[lowest]: 0.3, loss: 1}),
      at(100, {[lowest]: 0.1, loss: 2, lr: 0.5}),
      at(0, {[lowest]: 0.9, loss: 3}),
    ];
    expect(summaryOf(rows)).toEqual({
      [lowest]: {min: 0.1, last: 0.3},
      loss: 1,
      lr: 0.5,
      'train/global_step': 200,
    });
  });

  it('takes two rows of one step in the order in which they come', () => {
    expect(summaryOf([at(5, {loss: 1}), at(5, {loss: 2})])).toMatchObject({loss: 2});
  });

  it('takes a row without a step for one of the step before', () => {
    expect(summaryOf([at(5, {loss: 1}), {loss: 2}])).toMatchObject({loss: 2});
    expect(summaryOf([at(5, {loss: 1}), {lr: 2}, at(4, {loss: 3})])).toMatchObject({
      loss: 1,
      'train/global_step': 5,
    });
  });

  it("follows the newest row in W&B's own fields and in pictures of the whole run", () => {
    const [map, chart] = ['invariance/layer_step_map', 'invariance/chart/drift_over_steps_table'];
    expect(
      summaryOf([
        at(200, {_step: 0, _timestamp: 10, [map]: 'old', [chart]: 'old'}),
        at(100, {_step: 1, _timestamp: 11, [map]: 'new', [chart]: 'new'}),
      ]),
    ).toMatchObject({_step: 1, _timestamp: 11, [map]: 'new', [chart]: 'new', 'train/global_step': 200});
  });

  it('gives the run time in whole seconds where W&B looks for it, and none where none is known', () => {
    expect(summaryOf([{_runtime: 12.9}])).toEqual({_runtime: 12.9, _wandb: {runtime: 12}});
    expect(summaryOf([{loss: 1}])).toEqual({loss: 1});
  });

  it('goes on from what the server holds, but counts our own keys from the rows alone', () => {
    expect(
      summaryOf([at(5, {loss: 1, [lowest]: 0.4})], {
        loss: 9,
        theirs: 7,
        [lowest]: {min: 0.1, last: 0.1},
        [highest]: {max: 5, last: 5},
      }),
    ).toEqual({loss: 1, theirs: 7, [lowest]: {min: 0.4, last: 0.4}, 'train/global_step': 5});
  });

  it('holds as it is what stands under a key of ours and is no number', () => {
    expect(summaryOf([at(1, {[lowest]: 'NaN'})])[lowest]).toBe('NaN');
  });

  it('leaves what it was given as it was', () => {
    const initial = {[lowest]: 1, theirs: 7};
    summaryOf([at(1, {theirs: 8})], initial);
    expect(initial).toEqual({[lowest]: 1, theirs: 7});
  });

  it('is sent whole where it fits into a request', () => {
    expect(summaryText({a: 1, b: 'x'})).toBe('{"a":1,"b":"x"}');
  });

  it('leaves out of a request what would make it too large, and nothing else', () => {
    const large = 'x'.repeat(5 * 1024 * 1024);
    const sent = JSON.parse(summaryText({small: 1, first: large, second: large, after: 2})) as object;
    expect(Object.keys(sent)).toEqual(['small', 'first', 'after']);
  });

  it('counts bytes as they stand in a request, where every quote is quoted once more', () => {
    // 4 MiB of quotes are 8 MiB in JSON, and 16 in the JSON that holds it.
    const quotes = '"'.repeat(4 * 1024 * 1024);
    expect(summaryText({small: 1, quotes})).toBe('{"small":1}');
  });
});
