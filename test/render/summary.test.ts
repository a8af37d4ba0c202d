import {describe, expect, it} from 'vitest';
import {summaryOf, type RenderedRun} from '../../src/render/index.js';
import {withHalves} from './half-samples.js';
import {recordedRun, syntheticRun} from './recorded-run.js';

describe('summaryOf', () => {
  it('says which layers keep and which forget, and what is beyond noise', () => {
    expect(summaryOf(recordedRun()).kept).toEqual([
      'At step 400, 5 of 7 scored layers keep at least 90 % of the invariance that pretraining gave them: block_00 to block_04.',
      'Forgotten in part, with this much left: block_05 89 %, norm 72 %.',
      'The loss exceeds the sampling noise of the probes (95 % interval under 100 %) in block_04 to norm.',
    ]);
  });

  it('says what moved, and what changed and was kept', () => {
    expect(summaryOf(recordedRun()).moved).toEqual([
      'Invariances of the deeper blocks stay where they were: their centre moved by 0.9 % of the depth.',
      'Changed and yet kept: block_04 represents the probes differently (drift of 0.2 or more), with the invariance intact.',
    ]);
    const [where, farthest] = summaryOf(syntheticRun()).moved;
    expect(where).toMatch(/moved to shallower layers, by 2\d\.\d % of the depth/);
    expect(farthest).toMatch(
      /^block_\d\d moved farthest: its centre went from block [\d.]+ to block [\d.]+\.$/,
    );
  });

  it('says which layers still changed in the second half, by pairs', () => {
    const sentenceOf = (run: RenderedRun) => summaryOf(run).kept.filter(text => text.startsWith('Between'));
    const run = withHalves(recordedRun(), {own: 0.002});
    expect(sentenceOf(run)).toEqual([
      'Between step 200 and step 400 block_05 clearly regained some (R on the same probe images, 5 % for all layers together); no other layer changed clearly.',
    ]);
    expect(sentenceOf({...run, readings: run.readings.filter(({step}) => step <= 50)})).toEqual([
      expect.stringMatching(/^Between step 25 and step 50 block_05, norm clearly lost more and block_02/),
    ]);
    expect(sentenceOf(withHalves(recordedRun(), {common: 0.02, own: 0.03}))).toEqual([
      'Between step 200 and step 400 no layer changed clearly.',
    ]);
  });

  it('says nothing of changes where there is no reading to compare with, or no pairs', () => {
    const {readings, ...run} = withHalves(recordedRun());
    for (const some of [readings.slice(0, 2), recordedRun().readings])
      expect(summaryOf({...run, readings: some}).kept.join()).not.toContain('Between');
  });

  it('draws no conclusion from layers whose inversion did not converge', () => {
    const run = recordedRun();
    // What such layers show is as striking as can be, and nothing follows from it.
    run.baseline.gates[5]!.passed = false;
    run.baseline.floor.unbiased[5]![5] = run.baseline.ceiling.unbiased[5]![5]!;
    const last = run.readings.at(-1)!;
    last.scores[5] = {status: 'withheld', reason: 'inversion not converged: fvu 0.200 is not under 0.05'};
    last.compression = {layers: last.compression.layers.with(5, null), mean: null};
    const {kept, moved} = summaryOf(run);
    expect(moved[0]).toBe(
      'Whether invariances moved between blocks is not known for the deeper half of the blocks: inversion not converged in block_05.',
    );
    for (const sentence of [...kept, ...moved.slice(1)]) expect(sentence).not.toContain('block_05');
  });

  it('says of layers that a random network nearly equals how far their similarity fell', () => {
    const run = recordedRun();
    const last = run.readings.at(-1)!;
    for (const i of [0, 1]) {
      run.baseline.floor.unbiased[i]![i] = 0.95;
      last.scores[i] = {status: 'withheld', reason: 'floor too close to ceiling'};
    }
    const {kept} = summaryOf(run);
    expect(kept.at(-2)).toBe('2 of 7 layers have no score; the reasons are listed below.');
    expect(kept.at(-1)).toMatch(
      /^In block_00, block_01 even a random network comes within 0.1 .* fallen by 0.004 at most \(block_01\);/,
    );
  });

  it('counts one layer and none in the right words', () => {
    expect(summaryOf(recordedRun({threshold: 0.05})).kept[0]).toBe(
      'At step 400, 1 of 2 scored layers keeps at least 90 % of the invariance that pretraining gave it: block_00.',
    );
    const run = recordedRun({threshold: 0.05});
    run.readings.at(-1)!.scores[0] = {status: 'scored', value: 0.7, low: null, high: null};
    expect(summaryOf(run).kept[0]).toBe(
      'At step 400, none of 2 scored layers keeps at least 90 % of the invariance that pretraining gave it.',
    );
  });

  it('gives a range where many layers have forgotten, and words for those below the floor', () => {
    const {kept} = summaryOf(syntheticRun());
    expect(kept.find(sentence => sentence.includes('most part'))).toMatch(
      /left: block_08 to block_19, block_22, 0 % to 41 %\.$/,
    );
    expect(kept).toContain(
      'Less than an untrained network shows (a score under 0): block_20, block_21, block_23.',
    );
  });

  it('says whether the numbers can be trusted', () => {
    expect(summaryOf(recordedRun({threshold: 0.05})).trust[0]).toBe(
      'The inversion converged in 2 of 7 layers; not in block_01 to block_05, whose scores are withheld. More inversion steps would help.',
    );
    const run = recordedRun();
    run.baseline.controls.noise[2] = 0.4;
    run.info.probes = {count: 6, source: 'few'};
    run.readings[1]!.fingerprint = 'another';
    expect(summaryOf(run).trust).toEqual([
      'The inversion converged in all 7 layers.',
      'A control is too high: unrelated images reach a similarity of 0.40, where about 0 is expected. Treat the scores with care, and take more probes.',
      'There are only 6 probe images, too few for intervals; 64 or more are advised.',
      '1 readings have another fingerprint than the baseline and must not be compared with the others.',
    ]);
  });

  it('has something to say with all withheld, no reading, and nothing measured', () => {
    const none = syntheticRun({layers: 4, readings: 2, passed: () => false});
    expect(summaryOf(none).kept).toEqual([
      'At step 250 no layer has a score: all 4 are withheld, for the reasons listed below.',
    ]);
    expect(summaryOf({...recordedRun(), readings: []}).kept).toEqual(['No reading has been taken yet.']);
    expect(summaryOf({...recordedRun(), readings: [], baseline: null}).trust).toEqual([
      'The pretrained model has not been measured yet, so there is nothing to compare with.',
    ]);
  });
});
