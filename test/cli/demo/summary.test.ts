import {describe, expect, it} from 'vitest';
import {summaryOf, type Watched} from '../../../src/cli/demo/summary.js';
import type {Reading, Score} from '../../../src/types.js';

const scored = (value: number, half = 0.05): Score => ({
  status: 'scored',
  value,
  low: value - half,
  high: value + half,
});

const meanOf = (scores: readonly Score[]) =>
  scores.reduce((sum, score) => sum + (score.status === 'scored' ? score.value / scores.length : 0), 0);

function reading(step: number, scores: Score[], meanScore: number | null): Reading {
  const layers = ['block_00', 'norm'];
  return {step, layers, scores, meanScore, weightDrift: [0.1, 0.3]} as unknown as Reading;
}

function watched(
  task: string,
  scores: Score[],
  truth: [number, number],
  meanScore: number | null = meanOf(scores),
): Watched {
  return {
    task,
    accuracy: 0.875,
    readings: [reading(0, [scored(1), scored(1)], 1), reading(120, scores, meanScore)],
    factor: truth.map((value, n) => ({step: n * 120, similarity: [value, value]})),
  };
}

const kept = watched('shape', [scored(0.9), scored(0.8)], [0.99, 0.875]);

describe('the summary of the demo', () => {
  it('says what was forgotten, in which layers, and what the ground truth says', () => {
    const text = summaryOf(watched('colour', [scored(0.6), scored(0.1)], [0.99, 0.25]), kept);
    expect(text).toContain('colours apart cost the layers 65 % of the invariance that pretraining\nadded');
    expect(text).toContain('shapes apart, 15 %.');
    expect(text).toContain('apart in 2 of 2 layers: block_00, norm.');
    expect(text).toMatch(/weights moved by +20 % +20 %/);
    expect(text).toMatch(/accuracy on new scenes +88 % +88 %/);
    expect(text).toMatch(/measured directly\* +0\.99 → 0\.25 +0\.99 → 0\.88/);
    expect(text).toMatch(/block_00 +█{7}░{5} 0\.60 \[0\.55, 0\.65\] +█{11}░ 0\.90 \[0\.85, 0\.95\]/);
  });

  it('says so where nothing was forgotten', () => {
    const text = summaryOf(watched('colour', [scored(0.95), scored(0.8)], [0.99, 0.9]), kept);
    expect(text).toContain('colours apart left the layers 88 % of the invariance that pretraining\nadded');
    expect(text).toContain('learning to tell shapes apart no more: 85 %');
    expect(text).toContain('apart in 0 of 2 layers.');
  });

  it('gives the mean of the reading, and the reason where a layer has no part in it', () => {
    const scores: Score[] = [scored(0.5), {status: 'withheld', reason: 'inversion not converged'}];
    const text = summaryOf(watched('colour', scores, [0.99, 0.25], 0.5), kept);
    expect(text).toMatch(/norm +withheld: inversion not converged +█/);
    expect(text).toContain('cost the layers 50 %');
    expect(text).toContain('apart in 1 of 2 layers: block_00.');
  });

  it('compares nothing where a run has no mean', () => {
    const withheld: Score = {status: 'withheld', reason: 'fewer than 4 images'};
    const text = summaryOf(watched('colour', [withheld, withheld], [0.99, 0.25], null), kept);
    expect(text).toContain('nothing to compare');
    expect(text).not.toContain('cost the layers');
  });
});
