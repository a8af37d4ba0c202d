import {readdirSync, readFileSync} from 'node:fs';
import {parse, scheme, View} from 'vega';
import {compile} from 'vega-lite';
import {beforeAll, describe, expect, it} from 'vitest';
import {forgetting} from '../../src/metrics/index.js';
import {compareRuns} from '../../src/compare/index.js';
import {chartsOf, differenceChart, drawSvg, type RenderedRun} from '../../src/render/index.js';
import {wandbPictures} from '../../src/plugin/wandb-pictures.js';
import {chartReading, charts} from '../../src/tracker/wandb/content/charts.js';
import type {TableData} from '../../src/tracker/wandb/content/media.js';
import {hatchStrokes, marksOf, pictureOf, textsOf} from './pictures.js';
import {withHalves} from './half-samples.js';
import {halfPace, narrowRun, ofBefore, recordedRun, syntheticRun, withScratch} from './recorded-run.js';

const run = recordedRun();
/** The same measurements under the default gate, which blocks 1 to 5 do not pass. */
const strict = recordedRun({threshold: 0.05});
const fixed = (value: number, digits: number) => value.toFixed(digits).replace('-', '−');
const viridis = (value: number) =>
  (scheme('viridis') as (share: number) => string)(Math.min(1, Math.max(0, value)));
/** 'rgb(1, 2, 3)' and '#010203' are one colour. */
function rgb(colour: string): number[] {
  return colour.startsWith('#')
    ? [1, 3, 5].map(at => parseInt(colour.slice(at, at + 2), 16))
    : colour.match(/\d+/g)!.map(Number);
}

describe('the retention map', () => {
  let svg: string;
  beforeAll(async () => {
    svg = await pictureOf(run, 'retention-map');
  });

  it('has one cell for each layer and reading, saying score and interval in its tooltip', () => {
    const titles = marksOf(svg).map(mark => mark.title);
    const expected = run.readings.flatMap(({step, layers, scores}) =>
      scores.map((score, i) => {
        if (score.status === 'withheld') throw new Error(score.reason);
        const interval = `${fixed(score.low!, 3)} to ${fixed(score.high!, 3)}`;
        return `step ${step}, ${layers[i]}: retention ${fixed(score.value, 3)} (95 % interval ${interval})`;
      }),
    );
    expect(titles.toSorted()).toEqual(expected.toSorted());
  });

  it('colours and labels each cell by its score', () => {
    for (const {title, fill} of marksOf(svg)) {
      const value = Number(/retention ([\d.−]+)/.exec(title)![1]!.replace('−', '-'));
      rgb(fill).forEach((channel, k) => expect(Math.abs(channel - rgb(viridis(value))[k]!)).toBeLessThan(4));
    }
    const labels = run.readings.flatMap(({scores}) =>
      scores.map(score => fixed(score.status === 'scored' ? score.value : NaN, 2)),
    );
    for (const label of labels) expect(textsOf(svg)).toContain(label);
  });

  it.each([
    ['all scored', run],
    ['some withheld', strict],
  ])('names every layer, shallow at the top, and every step: %s', async (_, some) => {
    const svg = await pictureOf(some, 'retention-map');
    const texts = textsOf(svg);
    const heights = run.info.layers.map(layer =>
      Number(new RegExp(`translate\\([^,]*,([\\d.]+)\\)"[^>]*>${layer}<`).exec(svg)![1]),
    );
    expect(heights).toEqual(heights.toSorted((a, b) => a - b));
    for (const {step} of run.readings) expect(texts).toContain(String(step));
  });

  it('is not hatched where every cell has a score', () => expect(hatchStrokes(svg)).toBe(0));
});

describe('hatching', () => {
  it('is on exactly the withheld cells, which give their reason', async () => {
    const svg = await pictureOf(strict, 'retention-map');
    const withheld = strict.readings.flatMap(({step, layers, scores}) =>
      scores.flatMap((score, i) =>
        score.status === 'withheld' ? [`step ${step}, ${layers[i]}: withheld: ${score.reason}`] : [],
      ),
    );
    expect(withheld).toHaveLength(30);
    expect(hatchStrokes(svg)).toBe(3 * withheld.length);
    const titles = marksOf(svg).map(mark => mark.title);
    expect(titles.filter(title => title.includes('withheld')).toSorted()).toEqual(withheld.toSorted());
    expect(titles).toHaveLength(42);
  });

  it('is on pale cells, whose colour is none of the scale', async () => {
    const marks = marksOf(await pictureOf(strict, 'retention-map'));
    for (const {title, fill} of marks) expect(fill === '#f6f8fa', title).toBe(title.includes('withheld'));
  });

  it('covers each withheld cell from edge to edge', async () => {
    const svg = await pictureOf(strict, 'retention-map');
    const cell = /<path d="M0,22h(\d+)v(\d+)[^>]*><title>step 0, block_01: withheld/.exec(svg);
    expect(cell?.slice(1)).toEqual(['40', '22']);
    for (const stroke of ['translate(0,33)" x2="20" y2="-11', 'translate(0,44)" x2="40" y2="-22']) {
      expect(svg).toContain(`<line transform="${stroke}" stroke="#818b98"`);
    }
    expect(svg).toContain('<line transform="translate(20,44)" x2="20" y2="-11" stroke="#818b98"');
  });

  it('is on everything that rests on inverted images where those are not good enough, with the reason', async () => {
    const failed = strict.baseline.gates.filter(gate => !gate.passed).map(gate => gate.layer);
    expect(failed).toHaveLength(5);
    for (const [name, columns] of [
      ['matrix-start', 7],
      ['matrix-last', 7],
      ['forgetting', 7],
      ['flow', 6],
    ] as const) {
      const svg = await pictureOf(strict, name);
      const hatched = marksOf(svg).filter(({title}) =>
        title.includes('withheld: inversion not converged: fvu'),
      );
      expect(hatchStrokes(svg), name).toBe(3 * failed.length * columns);
      expect(new Set(hatched.map(({title}) => /pretrained (\S+),/.exec(title)![1]))).toEqual(new Set(failed));
      expect(hatched).toHaveLength(failed.length * columns);
    }
  });

  it('marks the entries of a matrix, of the drift map and of the flow that are withheld', async () => {
    const broken = structuredClone(run);
    const last = broken.readings.at(-1)!;
    last.retention.unbiased[1]![2] = null;
    last.drift.unbiased[3]![3] = null;
    last.flow.centre[1] = null;
    expect(hatchStrokes(await pictureOf(broken, 'matrix-last'))).toBe(3);
    expect(hatchStrokes(await pictureOf(broken, 'forgetting'))).toBe(3);
    expect(hatchStrokes(await pictureOf(broken, 'drift-map'))).toBe(3);
    const flow = await pictureOf(broken, 'flow');
    expect(hatchStrokes(flow)).toBe(3 * 6);
    expect(marksOf(flow).filter(mark => mark.fill === '#f6f8fa')).toHaveLength(6);
    expect(hatchStrokes(await pictureOf(run, 'flow'))).toBe(0);
  });
});

describe('R between its marks', () => {
  /** Every mark of a layer says all of them. */
  const wordsIn = (svg: string) => [...new Set(marksOf(svg).map(({title}) => title))];
  const shapes = (svg: string, colour: string) => [
    ...svg.matchAll(new RegExp(`<path[^>]*(fill|stroke)="${colour}"`, 'g')),
  ];

  it('says R, its interval and all that it is read against, of each layer', async () => {
    const svg = await pictureOf(withScratch(run), 'similarity-layers');
    expect(wordsIn(svg)).toHaveLength(7);
    expect(wordsIn(svg)).toContain(
      'norm: R 0.760 (95 % interval 0.740 to 0.780), floor 0.143 ± 0.008, trained from scratch 0.569, ceiling 0.994',
    );
    expect(shapes(svg, '#bc4c00')).toHaveLength(7);
    for (const words of [
      'ring = floor, 8 random networks; line = their spread',
      'diamond = trained from scratch on the new task',
      'R between its marks at step 400',
    ])
      expect(svg).toContain(words);
  });

  it('stands where no layer has a score', async () => {
    expect(wordsIn(await pictureOf(narrowRun(), 'similarity-layers'))).toHaveLength(7);
  });

  it('has nothing of a layer whose inversion did not converge but the reason', async () => {
    const svg = await pictureOf(strict, 'similarity-layers');
    expect(wordsIn(svg)).toHaveLength(2);
    expect(textsOf(svg).filter(text => text === 'withheld: inversion not converged')).toHaveLength(5);
  });

  it('is drawn of a run of before without interval and spread', async () => {
    const svg = await pictureOf(ofBefore(run), 'similarity-layers');
    expect(wordsIn(svg)).toContain('norm: R 0.760, floor 0.143, ceiling 0.994');
    expect(svg).toContain('ring = floor, a random network');
    expect(svg).not.toContain('scratch');
  });
});

describe('R where there is no score', () => {
  it('stands in the cells of the retention map and in their tooltips', async () => {
    const svg = await pictureOf(narrowRun(), 'retention-map');
    expect(hatchStrokes(svg)).toBe(3 * 42);
    expect(textsOf(svg).filter(text => text === 'R 0.76')).toHaveLength(4);
    expect(marksOf(svg).map(({title}) => title)).toContain(
      'step 400, norm: withheld, R 0.760: floor too close to ceiling: the architecture alone gives 0.964 ± 0.007 of 0.994 here, pretraining added too little to measure',
    );
  });

  it('stands beside the layer of a single reading', async () => {
    const narrow = narrowRun();
    const svg = await pictureOf({...narrow, readings: narrow.readings.slice(-1)}, 'retention-layers');
    expect(textsOf(svg)).toContain('withheld, R 0.760');
  });

  it('comes with the reason why the flow of the layer is withheld', async () => {
    const marks = marksOf(await pictureOf(narrowRun(), 'flow'));
    expect(marks).toHaveLength(36);
    for (const {title} of marks) expect(title).toContain('withheld: floor too close to ceiling: ');
  });
});

describe('the matrices', () => {
  it.each([
    ['matrix-start', run.baseline.ceiling.unbiased, /R ([\d.−]+)/],
    ['matrix-last', run.readings.at(-1)!.retention.unbiased, /R ([\d.−]+)/],
    [
      'forgetting',
      forgetting(run.baseline.ceiling, run.readings.at(-1)!.retention).unbiased,
      /: ([+−][\d.]+)/,
    ],
  ] as const)('%s holds the measured values, pretrained layers as rows', async (name, matrix, pattern) => {
    const marks = marksOf(await pictureOf(run, name));
    expect(marks).toHaveLength(49);
    for (const {title} of marks) {
      const [, from, to] = /pretrained (\S+), now (\S+):/.exec(title)!;
      const shown = Number(pattern.exec(title)![1]!.replace('−', '-'));
      const value = matrix[run.info.layers.indexOf(from!)]![run.info.layers.indexOf(to!)]!;
      expect(Math.abs(shown - value)).toBeLessThan(0.00051);
    }
  });

  it('the difference is orange where invariance was forgotten and blue where there is more of it', async () => {
    const changed = structuredClone(run);
    changed.readings.at(-1)!.retention.unbiased[0]![0] = run.baseline.ceiling.unbiased[0]![0]! - 0.4;
    changed.readings.at(-1)!.retention.unbiased[0]![1] = run.baseline.ceiling.unbiased[0]![1]! + 0.4;
    const marks = marksOf(await pictureOf(changed, 'forgetting'));
    const colour = (to: string) => rgb(marks.find(mark => mark.title.includes(`block_00, now ${to}`))!.fill);
    const [red, , blue] = colour('block_00');
    expect(red).toBeGreaterThan(blue! + 100);
    const [otherRed, , otherBlue] = colour('block_01');
    expect(otherBlue).toBeGreaterThan(otherRed! + 80);
  });
});

describe('the other pictures', () => {
  it('retention-steps has a panel a layer, each with its values, its band, and crosses where withheld', async () => {
    const svg = await pictureOf(strict, 'retention-steps');
    for (const layer of strict.info.layers) expect(textsOf(svg)).toContain(layer);
    const titles = marksOf(svg).map(mark => mark.title);
    expect(titles.filter(title => title.includes('95 % interval'))).toHaveLength(12);
    expect(titles.filter(title => title.includes('withheld'))).toHaveLength(30);
    expect([...svg.matchAll(/fill="#0969da" opacity="0.25"|opacity="0.25" fill="#0969da"/g)]).toHaveLength(2);
  });

  it('flow says the share of each pair and where each centre went', async () => {
    const svg = await pictureOf(run, 'flow');
    const last = run.readings.at(-1)!;
    const titles = marksOf(svg).map(mark => mark.title);
    run.baseline.blocks.forEach((block, i) => {
      const centre = fixed(last.flow.centre[i]!, 2);
      const before = fixed(run.baseline.flow[i]!, 2);
      expect(titles).toContain(`pretrained ${block}: centre ${centre}, before training ${before}`);
      const row = titles.filter(title => title.startsWith(`pretrained ${block}, now`));
      const shares = row.map(title => Number(/([\d.]+)%/.exec(title)![1]));
      expect(shares).toHaveLength(6);
      expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(100, 0);
    });
    expect(textsOf(svg)).not.toContain('norm');
  });

  it('drift-map shows the diagonal of the drift', async () => {
    const titles = marksOf(await pictureOf(run, 'drift-map')).map(mark => mark.title);
    expect(titles).toContain('step 400, block_05: drift 0.418');
    expect(titles).toHaveLength(42);
  });

  it('retention-layers takes the place of pictures over steps where there is one reading', async () => {
    const one = {...strict, readings: strict.readings.slice(-1)};
    expect(chartsOf(one).map(({name}) => name)).not.toContain('retention-map');
    const svg = await pictureOf(one, 'retention-layers');
    const [first] = one.readings[0]!.scores;
    if (first?.status !== 'scored') throw new Error('block_00 has a score');
    const interval = `${fixed(first.low!, 3)} to ${fixed(first.high!, 3)}`;
    expect(marksOf(svg).map(({title}) => title)).toContain(
      `block_00: retention ${fixed(first.value, 3)} (95 % interval ${interval})`,
    );
    expect(textsOf(svg)).toContain('withheld: inversion not converged: fvu 0.063 is not under 0.05');
    expect(textsOf(svg)).toContain('Retention by layer at step 400');
    for (const layer of one.info.layers) expect(textsOf(svg)).toContain(layer);
  });

  it('quality-gates tells passed from failed by colour and shape', async () => {
    const svg = await pictureOf(strict, 'quality-gates');
    const marks = marksOf(svg);
    expect(marks.map(mark => mark.title)).toContain('block_00: fvu 0.0427, passed under 0.05');
    expect(marks.map(mark => mark.title)).toContain('block_05: fvu 0.1250, failed under 0.05');
    expect(marks.filter(mark => mark.fill === '#0969da')).toHaveLength(2);
    expect(marks.filter(mark => mark.fill === '#bc4c00')).toHaveLength(5);
  });

  it('quality-gates says so where a layer has no fvu', async () => {
    const broken = structuredClone(run);
    Object.assign(broken.baseline.gates[2]!, {fvu: null, passed: false});
    expect(textsOf(await pictureOf(broken, 'quality-gates'))).toContain('no fvu: constant or not finite');
  });
});

describe('the difference of two runs', () => {
  const slow = {...halfPace(run), baseline: run.baseline};
  const draw = (a: RenderedRun, b: RenderedRun) => drawSvg(differenceChart(a, b));
  const scoreOf = (some: RenderedRun, step: number, i: number) => {
    const score = some.readings.find(reading => reading.step === step)!.scores[i]!;
    return score.status === 'scored' ? score.value : NaN;
  };

  it('has one cell for each layer and each step that both have, saying b − a and both scores', async () => {
    const svg = await draw(run, slow);
    const expected = [0, 50, 100, 200, 400].flatMap(step =>
      run.info.layers.map((layer, i) => {
        const [a, b] = [scoreOf(run, step, i), scoreOf(slow, step, i)];
        const sign = b - a < 0 ? '' : '+';
        return `step ${step}, ${layer}: ${sign}${fixed(b - a, 3)} (A ${fixed(a, 3)}, B ${fixed(b, 3)})`;
      }),
    );
    const titles = marksOf(svg).map(mark => mark.title.replace('−0.000', '+0.000'));
    expect(titles.toSorted()).toEqual(expected.map(title => title.replace('−0.000', '+0.000')).toSorted());
    expect(svg).toContain('>A = vit-cifar, six classes to four<');
    expect(svg).toContain('>B = vit-cifar, six classes to four, half pace<');
    for (const text of ['0', '50', '400', ...run.info.layers]) expect(textsOf(svg)).toContain(text);
    expect(hatchStrokes(svg)).toBe(0);
  });

  it('is blue where b keeps more and orange where it keeps less', async () => {
    const changed = structuredClone(run);
    changed.info.name = 'changed';
    for (const [layer, change] of [-0.4, 0.4].entries()) {
      const score = changed.readings[0]!.scores[layer]!;
      if (score.status === 'scored') score.value += change;
    }
    const marks = marksOf(await draw(run, changed));
    const colour = (layer: string) =>
      rgb(marks.find(mark => mark.title.startsWith(`step 0, ${layer}:`))!.fill);
    const [[lessRed, , lessBlue], [moreRed, , moreBlue]] = [colour('block_00'), colour('block_01')];
    expect(lessRed).toBeGreaterThan(lessBlue! + 80);
    expect(moreBlue).toBeGreaterThan(moreRed! + 80);
  });

  it('hatches exactly the cells where either run withholds, and says which and why', async () => {
    const other = structuredClone(slow);
    other.readings[1]!.scores[2] = {status: 'withheld', reason: 'constant layer'};
    const svg = await draw(run, other);
    const withheld = marksOf(svg).filter(mark => mark.title.includes('withheld'));
    expect(withheld).toEqual([
      {
        title: `step 50, block_02: withheld (A ${fixed(scoreOf(run, 50, 2), 3)}, B withheld: constant layer)`,
        fill: '#f6f8fa',
      },
    ]);
    expect(hatchStrokes(svg)).toBe(3);
    expect(hatchStrokes(await draw(strict, halfPace(strict)))).toBe(3 * 25);
  });

  it('outlines what is clear by pairs, and says so', async () => {
    const [a, b] = [withHalves(run), withHalves(slow, {seed: 2})];
    const clear = [0, 50, 100, 200, 400].flatMap(step =>
      compareRuns(a, b, {step}).layers.flatMap(layer =>
        layer.clear === true ? [`step ${step}, ${layer.layer}: `] : [],
      ),
    );
    expect(clear.length).toBeGreaterThan(3);
    expect(clear.length).toBeLessThan(35);
    const svg = await draw(a, b);
    expect(svg.match(/stroke="#1f2328" stroke-width="1.5"/g)).toHaveLength(clear.length);
    const titles = marksOf(svg).flatMap(({title}) => (title.includes(', clear (A ') ? [title] : []));
    expect(titles.map(title => title.slice(0, title.indexOf(': ') + 2)).toSorted()).toEqual(clear.toSorted());
    expect(await draw(run, slow)).not.toContain('stroke-width="1.5"');
  });

  it('tells two runs of one name apart, and quotes in names do no harm', async () => {
    const twin = structuredClone(slow);
    const quoted = structuredClone(run);
    twin.info.name = quoted.info.name = `it's "odd"`;
    expect(marksOf(await draw(quoted, twin))).toHaveLength(35);
  });

  it('refuses runs of different fingerprints and runs that share no step', () => {
    const other = structuredClone(run);
    other.info.fingerprint.id = 'aaaa';
    expect(() => differenceChart(run, other)).toThrow('different fingerprints (b7f1c2d9 against aaaa)');
    const odd = {...slow, readings: slow.readings.map(reading => ({...reading, step: reading.step + 1}))};
    expect(() => differenceChart(run, odd)).toThrow('share no step');
  });
});

describe('chartsOf', () => {
  it.each<[string, RenderedRun, number]>([
    ['one reading', {...run, readings: run.readings.slice(-1)}, 7],
    ['all withheld', syntheticRun({layers: 8, readings: 5, passed: () => false}), 9],
    ['24 layers and 200 readings', syntheticRun({layers: 24, readings: 200}), 9],
    ['a run of before', ofBefore(run), 9],
    ['no reading yet', {...run, readings: []}, 2],
    ['nothing measured yet', {...run, baseline: null, readings: []}, 0],
  ])('draws what there is with %s', async (_, some, count) => {
    const charts = chartsOf(some);
    expect(charts).toHaveLength(count);
    for (const chart of charts) {
      const svg = await drawSvg(chart);
      expect(svg).not.toMatch(/NaN|undefined|Infinity/);
      const [, width] = /width="(\d+)"/.exec(svg)!;
      expect(Number(width)).toBeLessThan(820);
    }
  });

  it('thins the ticks of 200 steps until none overlap', async () => {
    const svg = await pictureOf(syntheticRun({layers: 12, readings: 200}), 'retention-map');
    const ticks = [
      ...svg.matchAll(/<text text-anchor="middle" transform="translate\(([\d.]+),[^>]*opacity="1">(\d+)</g),
    ];
    const places = ticks.map(([, x]) => Number(x)).toSorted((a, b) => a - b);
    expect(places.length).toBeGreaterThan(5);
    for (let k = 1; k < places.length; k++) expect(places[k]! - places[k - 1]!).toBeGreaterThan(20);
  });

  it('keeps layers with signs of markup in their names legible and harmless', async () => {
    const odd = structuredClone(run);
    const name = '<script>alert("x")</script>&';
    const layers = [name, ...odd.info.layers.slice(1)];
    for (const reading of odd.readings) reading.layers = layers;
    Object.assign(odd.baseline, {layers, blocks: layers.slice(0, 6)});
    const svg = await pictureOf(odd, 'retention-map');
    expect(svg).not.toContain('<script');
    expect(svg).toContain('&lt;script');
  });
});

describe('the templates', () => {
  const table = ({columns, data}: TableData) =>
    data.map(line => Object.fromEntries(columns.map((column, i) => [column, line[i]])));
  const chartTable = (name: string) =>
    table(
      charts
        .find(({key}) => key === `invariance/chart/${name}`)!
        .table(
          run.readings.map(reading => chartReading(reading, run.baseline)),
          run.baseline,
        ),
    );

  /** Hue falls in the norm, flip is withheld in all layers. */
  const factorTable = () => {
    const layers = run.baseline.layers;
    const change = layers.map((_, i) => (i === 6 ? -0.3 : 0.01));
    const reading = {
      ...chartReading(run.readings.at(-1)!, run.baseline),
      factors: [
        {
          factor: 'hue',
          invariance: change.map(value => 0.9 + value),
          change: change.map(value => ({
            status: 'scored' as const,
            value,
            low: value - 0.02,
            high: value + 0.02,
          })),
          ratio: [],
        },
        {
          factor: 'flip',
          invariance: layers.map(() => null),
          change: layers.map(() => ({status: 'withheld' as const, reason: 'flip changes nothing'})),
          ratio: [],
        },
      ],
    };
    return charts.find(({key}) => key === 'invariance/chart/factors')!.table([reading], run.baseline);
  };

  it('the factor map tells sure changes in bold, their interval in words, and why others are withheld', async () => {
    const text = readFileSync('templates/charts/factor-map.json', 'utf8').replace(/\$\{\w+:(\w+)\}/g, '$1');
    const spec = {...JSON.parse(text), data: {values: table(factorTable())}};
    const svg = await drawSvg({name: 'factor-map', alt: 'factors', spec});
    const titles = marksOf(svg).map(mark => mark.title);
    expect(titles).toContain('norm, hue: −0.300 (−0.320 to −0.280)');
    expect(titles).toContain('norm, flip: withheld: flip changes nothing');
    const bold = [...svg.matchAll(/<text[^>]*font-weight="bold"[^>]*>([^<]*)</g)].map(([, words]) => words);
    expect(bold.filter(words => /^[−+]?0/.test(words!))).toEqual(['−0.30']);
  });

  it.each([
    ['flow', 36, async () => table(await wandbPictures.flow(run.readings.at(-1)!, run.baseline)), {}],
    ['similarity-layers', 7, async () => chartTable('similarity_by_layer'), {}],
    ['drift-map', 42, async () => chartTable('drift_over_steps'), {layer: 'lineKey', drift: 'lineVal'}],
    ['quality-gates', 7, async () => chartTable('inversion_quality'), {}],
    ['factor-map', 14, async () => table(factorTable()), {}],
  ] as const)('%s draws from the table that a run logs', async (name, cells, rows, mapping) => {
    const text = readFileSync(`templates/charts/${name}.json`, 'utf8').replace(
      /\$\{field:(\w+)\}/g,
      (_, column: string) => (mapping as Record<string, string>)[column] ?? column,
    );
    const svg = await drawSvg({name, alt: name, spec: {...JSON.parse(text), data: {values: await rows()}}});
    expect(marksOf(svg).length).toBeGreaterThanOrEqual(cells);
    expect(svg).not.toMatch(/NaN|undefined/);
    for (const layer of run.baseline.blocks) expect(svg).toContain(layer);
  });

  const names = readdirSync('templates/charts').filter(name => name.endsWith('.json'));

  it.each(names)('%s is a spec for W&B: its data is the run set and its columns are mapped', name => {
    const text = readFileSync(`templates/charts/${name}`, 'utf8');
    const spec = JSON.parse(text);
    expect(spec.$schema).toBe('https://vega.github.io/schema/vega-lite/v5.json');
    expect(spec.data).toEqual({name: 'wandb'});
    const columns = new Set([...text.matchAll(/\$\{field:(\w+)\}/g)].map(([, column]) => column!));
    expect(columns.size).toBeGreaterThan(1);
    for (const column of columns) expect(spec.description).toMatch(new RegExp(`\\b${column}\\b`));
  });

  it.each(names)('%s draws under other column names, as a person may map them in W&B', async name => {
    const text = readFileSync(`templates/charts/${name}`, 'utf8').replace(
      /\$\{(?:field|string):(\w+)\}/g,
      'my $1',
    );
    const spec = {...JSON.parse(text), data: {values: [{'my step': 1, 'my layer': 'a', 'my score': 0.5}]}};
    await expect(new View(parse(compile(spec).spec), {renderer: 'none'}).toSVG()).resolves.toContain('<svg');
  });

  /** As logged under `invariance/chart/retention_over_steps_table`, with the run's name that W&B adds. */
  const logged = [run, halfPace(run)].flatMap(({info, readings}) =>
    readings.flatMap(({step, layers}) =>
      layers.map((lineKey, i) => ({name: info.name, step, lineKey, lineVal: 0.1 * i})),
    ),
  );

  it.each([
    ['retention-map', 42, [run.info.name]],
    ['retention-steps', 49, [run.info.name]],
    ['two-run-difference', 35, [run.info.name, halfPace(run).info.name]],
  ])(
    '%s draws from the table that a run logs, with the other columns left unmapped',
    async (name, cells, names) => {
      const mapping: Record<string, string> = {step: 'step', layer: 'lineKey', score: 'lineVal', run: 'name'};
      const strings: Record<string, string> = {a: run.info.name, b: halfPace(run).info.name};
      const text = readFileSync(`templates/charts/${name}.json`, 'utf8').replace(
        /\$\{(field|string):(\w+)\}/g,
        (whole, kind: string, key: string) => (kind === 'field' ? mapping : strings)[key] ?? whole,
      );
      const values = logged.filter(row => names.includes(row.name));
      const svg = await drawSvg({name, alt: name, spec: {...JSON.parse(text), data: {values}}});
      expect(marksOf(svg)).toHaveLength(cells);
      expect(svg).not.toMatch(/NaN|undefined/);
    },
  );
});
