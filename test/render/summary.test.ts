import {describe, expect, it} from 'vitest';
import {summaryOf, type RenderedRun} from '../../src/render/index.js';
import {withHalves} from './half-samples.js';
import {narrowRun, ofBefore, recordedRun, syntheticRun} from './recorded-run.js';

describe('summaryOf', () => {
  it('says which layers keep and which forget, and what is beyond noise', () => {
    expect(summaryOf(recordedRun()).kept).toEqual([
      'At step 400, 5 of 7 scored layers keep at least 90 % of the invariance that pretraining added: block_00 to block_04.',
      'Forgotten in part, with this much left: block_05 89 %, norm 72 %.',
      'Forgotten beyond the noise of the measurement, each layer for itself (95 % interval under 100 %): block_04 to norm.',
    ]);
  });

  it('says "moved" only where a gain is sure, and where it arrived; what was only lost is said to be lost', () => {
    const run = recordedRun();
    // At step 25 the norm's invariances show in the blocks; at the end they have been lost there as well.
    expect(summaryOf({...run, readings: run.readings.slice(0, 2)}).moved.slice(0, 2)).toEqual([
      'Moved: invariances arrived elsewhere, those of norm in block_03 (R there +0.122).',
      'Lost, and not found to have arrived in another block: block_05.',
    ]);
    expect(summaryOf(run).moved).toEqual([
      'Lost, and not found to have arrived in another block: block_04 to norm.',
      'No block gained or lost more than the noise of the probes in: block_00 to block_03.',
      "Compression: the centre of mass of the deeper blocks' invariances lies 0.9 % of the depth shallower than before; forgetting shifts it as well as moving.",
      'Changed and yet kept: block_04 represents the probes differently (drift of 0.2 or more) and keeps at least 90 %.',
    ]);
    const [moved] = summaryOf(syntheticRun()).moved;
    expect(moved).toMatch(
      /^Moved: (.*those of block_\d\d in block_\d\d .*){4}, and of \d+ more layers less\.$/,
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

  it('claims no move of a run that recorded no gains, whatever its compression', () => {
    const moved = summaryOf(ofBefore(syntheticRun())).moved;
    expect(moved[0]).toBe('Whether invariances moved is not known: this record holds no gains and losses.');
    expect(moved[1]).toMatch(/^Compression: .* 2\d\.\d % of the depth shallower .*; forgetting shifts it/);
    expect(moved.join()).not.toContain('Moved:');
  });

  it('draws no conclusion from layers whose inversion did not converge', () => {
    const run = recordedRun();
    // What such layers show is as striking as can be, and nothing follows from it.
    run.baseline.gates[5]!.passed = false;
    run.baseline.floor.unbiased[5]![5] = run.baseline.ceiling.unbiased[5]![5]!;
    const last = run.readings.at(-1)!;
    last.scores[5] = {status: 'withheld', reason: 'inversion not converged: fvu 0.200 is not under 0.05'};
    last.gain![5] = last.loss![5] = last.scores[5];
    last.compression = {layers: last.compression.layers.with(5, null), mean: null};
    const {kept, moved} = summaryOf(run);
    const unknown = 'Gain and loss are not known of block_05.';
    expect(moved).toContain(unknown);
    for (const sentence of [...kept, ...moved].filter(text => text !== unknown))
      expect(sentence).not.toContain('block_05');
  });

  it('says of layers that the architecture alone nearly equals whether R lies under its ceiling', () => {
    const {kept} = summaryOf(narrowRun());
    expect(kept).toEqual([
      'At step 400 no layer has a score: all 7 are withheld, for the reasons listed below.',
      expect.stringMatching(/^No layer can be scored in this run: floor too close to ceiling \(7 of 7\)\. /),
      'No score can be read in block_00 to norm: the architecture alone gives nearly as much there as the pretrained model, or too few random networks say how much it gives. Their similarity R stands between its marks below.',
      'The whole interval of R lies under the ceiling in block_04 to norm; most in norm, 0.760 of 0.994.',
    ]);
    const untrained = narrowRun();
    expect(summaryOf({...untrained, readings: untrained.readings.slice(0, 1)}).kept.at(-1)).toBe(
      'In none of these layers the whole interval of R lies under the ceiling.',
    );
  });

  it('says what intervals hold, and that they hold no other training', () => {
    expect(summaryOf(recordedRun()).trust.at(-1)).toBe(
      'Intervals hold the choice of the 64 probe images with their seeds and the draws of the 8 random networks, and no other uncertainty: another training seed may give other numbers.',
    );
    expect(summaryOf(ofBefore(recordedRun())).trust.at(-1)).toMatch(
      / with their seeds, and no other uncertainty/,
    );
  });

  it('counts one layer and none in the right words', () => {
    expect(summaryOf(recordedRun({threshold: 0.05})).kept[0]).toBe(
      'At step 400, 1 of 2 scored layers keeps at least 90 % of the invariance that pretraining added: block_00.',
    );
    const run = recordedRun({threshold: 0.05});
    run.readings.at(-1)!.scores[0] = {status: 'scored', value: 0.7, low: null, high: null};
    expect(summaryOf(run).kept[0]).toBe(
      'At step 400, none of 2 scored layers keeps at least 90 % of the invariance that pretraining added.',
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
      'The inversion converged in 2 of 7 layers; not in block_01 to block_05, whose scores are withheld: more inversion steps may help: inversion: {steps: 800} (--steps).',
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
      expect.stringMatching(
        /^No layer can be scored in this run: inversion not converged \(4 of 4\)\. More inversion steps/,
      ),
    ]);
    expect(summaryOf({...recordedRun(), readings: []}).kept).toEqual(['No reading has been taken yet.']);
    expect(summaryOf({...recordedRun(), readings: [], baseline: null}).trust).toEqual([
      'The pretrained model has not been measured yet, so there is nothing to compare with.',
    ]);
  });
});
