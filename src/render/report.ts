import {readFileSync} from 'node:fs';
import {html, raw} from 'hono/html';
import {marksOf} from '../marks.js';
import {notConverged, withheldBy} from '../metrics/index.js';
import type {Baseline, Gate, Interval, Reading, RunEvent, Score} from '../types.js';
import type {ChartName} from './charts.js';
import {divergenceOf, stateWords} from '../divergence.js';
import {ridgeSection} from './ridge.js';
import {wordsOf, type RenderedRun} from './run.js';
import {factorSentences, factorTable} from '../factors/index.js';
import {summaryOf} from './summary.js';
import {templatePath} from './template.js';
import {schemeVariables} from './theme.js';

/** A piece of the page, escaped. */
type Fragment = ReturnType<typeof html> | ReturnType<typeof raw> | '';

/** Notices shown; the journal has them all. */
const MAX_NOTICES = 50;

/**
 * The report of a run as one page without network: words first, then pictures, tables, and where they come from. It
 * follows the viewer's colour scheme.
 *
 * @param pictures SVG of each chart that the run has.
 */
export async function reportHtml(
  run: RenderedRun,
  pictures: ReadonlyMap<ChartName, string>,
): Promise<string> {
  const {info, baseline, readings, events} = run;
  const last = readings.at(-1);
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${info.name} – invariance report</title>
        <style>
          ${raw(pageStyle())}
        </style>
      </head>
      <body>
        <header>
          <h1>${info.name}</h1>
          <p class="quiet">${headline(run, last)}</p>
        </header>
        <main>
          ${summary(run)} ${retention(readings, pictures)} ${similarity(run, pictures)}
          ${layerTable(run, last)} ${withheldList(readings)} ${acquired(run)} ${factors(run, last, pictures)}
          ${ridgeSection(run)} ${matrices(pictures)} ${moved(run, pictures)} ${quality(baseline, pictures)}
          ${notices(events)} ${provenance(run)}
        </main>
      </body>
    </html>`;
  return String(await page);
}

/** The style sheet of our pages, for both colour schemes. */
export function pageStyle(): string {
  return schemeVariables() + readFileSync(templatePath('report.css'), 'utf8');
}

function headline({info, readings, events, state, subject}: RenderedRun, last: Reading | undefined): string {
  return [
    subject === undefined ? `Invariance report of run ${info.id}` : 'Invariance report',
    stateWords(state, divergenceOf(events)),
    readings.length === 1 ? '1 reading' : `${readings.length} readings`,
    ...(last && subject === undefined
      ? [`last at step ${last.step}${last.epoch === null ? '' : `, epoch ${number(last.epoch, 2)}`}`]
      : []),
    `started ${minuteOf(info.created)}`,
  ].join(' · ');
}

/** Unix milliseconds as a page says them. */
export function minuteOf(time: number): string {
  return `${new Date(time).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

function summary(run: RenderedRun): Fragment {
  const {kept, moved, trust} = summaryOf(run);
  const last = run.readings.at(-1);
  const doubtful = run.baseline === null || run.baseline.gates.some(gate => !gate.passed);
  const part = (title: string, sentences: readonly string[]) =>
    sentences.length === 0
      ? ''
      : html`<div>
          <h3>${title}</h3>
          ${sentences.map(sentence => html`<p>${sentence.replaceAll(' %', '\u00a0%')}</p>`)}
        </div>`;
  return html`<section class="summary ${doubtful ? 'doubtful' : ''}" aria-labelledby="summary">
    <h2 id="summary">In plain words</h2>
    <div class="parts">
      ${part('What is kept', kept)} ${part('What moved, what was lost', moved)}
      ${part('Which invariances', last ? factorSentences(run.baseline, last) : [])}
      ${part('Can the numbers be trusted?', trust)}
    </div>
  </section>`;
}

function retention(readings: readonly Reading[], pictures: ReadonlyMap<ChartName, string>): Fragment {
  if (readings.length === 0) return '';
  const words = html`<p>
    The score of a layer reads its similarity between two measured ends: 1 is what the pretrained model shows
    on its own invariances, 0 is what randomly initialised networks of the same architecture show on average.
    It is no grade: a task that has no use for an invariance should forget it, and a network that learns
    nothing keeps everything. The interval holds the choice of probes and seeds and the draws of the random
    networks, not what another training run would give.
  </p>`;
  // Two pictures over steps fill a wide page; the one of a single reading has room for words beside it.
  return pictures.has('retention-layers')
    ? html`<h2>Retention</h2>
        <div class="figures">${words} ${figure(pictures, 'retention-layers')}</div>`
    : html`<h2>Retention</h2>
        ${words}
        <div class="figures">
          ${figure(pictures, 'retention-map')} ${figure(pictures, 'retention-steps')}
        </div>`;
}

function similarity({baseline}: RenderedRun, pictures: ReadonlyMap<ChartName, string>): Fragment {
  if (!baseline || !pictures.has('similarity-layers')) return '';
  return html`<h2>Similarity between its marks</h2>
    <div class="figures">
      <p>
        R says how alike a layer represents the probes and images that its pretrained self cannot tell from
        them. It is read against what else gives as much: the architecture alone (the
        floor)${baseline.scratch ? ', training on the new task alone (from scratch)' : ''} and the pretrained
        model itself (the ceiling). Where floor and ceiling nearly meet, pretraining added too little to
        measure, and there is R without a score. A block may keep R because the residual stream carries
        earlier layers past it, whatever the block itself does.
      </p>
      ${figure(pictures, 'similarity-layers')}
    </div>`;
}

function layerTable(run: RenderedRun, last: Reading | undefined): Fragment {
  const {baseline} = run;
  if (!baseline || !last) return '';
  const recordsIntervals = last.retentionIntervals !== undefined;
  const row = (layer: string, i: number) => {
    const gate = baseline.gates[i]!;
    const {retention, interval, floor, spread, scratch, ceiling} = marksOf(baseline, last, i);
    const lost = ceiling === null || retention === null ? null : ceiling - retention;
    return html`<tr>
      <th scope="row">${layer}</th>
      ${scoreCells(last.scores[i]!)} ${judgedCell(number(retention), gate)}
      ${recordsIntervals ? judgedCell(intervalText(interval), gate) : ''}
      ${judgedCell(number(floor) + (spread === null ? '' : ` ± ${number(spread)}`), gate)}
      ${baseline.scratch ? judgedCell(number(scratch), gate) : ''}
      ${[ceiling, lost].map(value => judgedCell(number(value), gate))}
      <td>${number(last.drift.unbiased[i]![i]!)}</td>
      <td>${number(last.weightDrift[i]!)}</td>
    </tr>`;
  };
  return html`<h2 id="layers">Layers ${wordsOf(run, last).where}</h2>
    <div class="scroll" tabindex="0" role="region" aria-labelledby="layers">
      <table>
        <thead>
          <tr>
            <th scope="col">layer</th>
            <th scope="col">score</th>
            <th scope="col">95 % interval</th>
            <th scope="col">R</th>
            ${recordsIntervals ? html`<th scope="col">95 % interval of R</th>` : ''}
            <th scope="col">floor N${baseline.floorSpread ? ' ± spread' : ''}</th>
            ${baseline.scratch ? html`<th scope="col">from scratch</th>` : ''}
            <th scope="col">ceiling W0</th>
            <th scope="col">forgotten W0 − R</th>
            <th scope="col">drift</th>
            <th scope="col">weights moved</th>
          </tr>
        </thead>
        <tbody>
          ${last.layers.map(row)}
        </tbody>
      </table>
    </div>`;
}

function scoreCells(score: Score): Fragment {
  if (score.status === 'withheld')
    return html`<td colspan="2" class="withheld" title="${score.reason}">withheld</td>`;
  return html`<td>${number(score.value)}</td>
    <td>${intervalText(endsOf(score))}</td>`;
}

function endsOf({low, high}: {low: number | null; high: number | null}): Interval | null {
  return low === null || high === null ? null : {low, high};
}

function intervalText(interval: Interval | null): string {
  return interval === null ? 'none' : `${number(interval.low)} to ${number(interval.high)}`;
}

/** A number that rests on inverted images: hatched, with the reason, where they are not inverted well enough. */
function judgedCell(text: string, gate: Gate): Fragment {
  return gate.passed
    ? html`<td>${text}</td>`
    : html`<td class="withheld" title="${notConverged(gate)}">${text}</td>`;
}

function gateCell({fvu, passed}: Gate): Fragment {
  return html`<td class="${passed ? '' : 'failed'}">${number(fvu, 4)} ${passed ? 'passed' : 'failed'}</td>`;
}

/** A and the novelty of the last reading that took them. */
function acquired(run: RenderedRun): Fragment {
  const {baseline, readings} = run;
  const reading = readings.findLast(({acquired}) => acquired);
  if (!baseline || !reading?.acquired) return '';
  const {similarity, novelty, gates} = reading.acquired;
  const row = (layer: string, i: number) => {
    const gate = gates[i]!;
    const ceiling = baseline.gates[i]!;
    return html`<tr>
      <th scope="row">${layer}</th>
      ${judgedCell(number(similarity.unbiased[i]![i]!), gate)}
      ${judgedCell(number(novelty[i]!), gate.passed ? ceiling : gate)} ${gateCell(gate)}
    </tr>`;
  };
  return html`<h2 id="acquired">Acquired by ${wordsOf(run, reading).moment}</h2>
    <p>
      The question turned round: images that a layer of this model cannot tell from the probes, shown to the
      pretrained model. A says how alike that represents the two; a novelty above 0 is what the layer ignores
      now and did not before.
    </p>
    <div class="scroll" tabindex="0" role="region" aria-labelledby="acquired">
      <table>
        <thead>
          <tr>
            <th scope="col">layer</th>
            <th scope="col">A</th>
            <th scope="col">novelty W0 − A</th>
            <th scope="col">its own inversion fvu</th>
          </tr>
        </thead>
        <tbody>
          ${reading.layers.map(row)}
        </tbody>
      </table>
    </div>`;
}

/** What each layer makes of named transformations of the probes. */
function factors(
  {baseline}: RenderedRun,
  last: Reading | undefined,
  pictures: ReadonlyMap<ChartName, string>,
): Fragment {
  if (!baseline?.factors || !last?.factors) return '';
  const [head, ...rows] = factorTable(last.layers, baseline.factors, last.factors);
  return html`<h2 id="factors">Which invariances</h2>
    <div class="figures">
      <p>
        The probes and their transforms shown to each layer, with no inversion: 1 = the layer represents both
        alike, and before → now says what finetuning changed. Networks that were never trained ignore most
        factors too, so nothing is subtracted, and a layer that collapses ignores everything.
      </p>
      ${figure(pictures, 'factor-map')}
    </div>
    <div class="scroll" tabindex="0" role="region" aria-labelledby="factors">
      <table>
        <thead>
          <tr>
            ${head!.map(name => html`<th scope="col">${name}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            ([layer, ...cells]) =>
              html`<tr>
                <th scope="row">${layer}</th>
                ${cells.map(cell => html`<td>${cell}</td>`)}
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
}

function centre(start: number | null, now: number | null): string {
  return start === null && now === null ? '–' : `${number(start, 1)} → ${number(now, 1)}`;
}

/** Every reason why a score is missing, with the layers and how many readings it holds for. */
function withheldList(readings: readonly Reading[]): Fragment {
  const cases = new Map<string, {layer: string; reason: string; count: number}>();
  for (const {layers, scores} of readings) {
    layers.forEach((layer, i) => {
      const score = scores[i]!;
      if (score.status === 'scored') return;
      const key = JSON.stringify([layer, score.reason]);
      const known = cases.get(key) ?? {layer, reason: score.reason, count: 0};
      cases.set(key, {...known, count: known.count + 1});
    });
  }
  if (cases.size === 0) return '';
  return html`<h2>Withheld scores</h2>
    <p>Where a score could not be trusted there is none. Hatched in the pictures; the reasons:</p>
    <ul>
      ${[...cases.values()].map(
        ({layer, reason, count}) =>
          html`<li>
            <strong>${layer}</strong
            >${readings.length > 1 ? `, ${count} of ${readings.length} readings` : ''}: ${reason}
          </li>`,
      )}
    </ul>`;
}

function matrices(pictures: ReadonlyMap<ChartName, string>): Fragment {
  if (!pictures.has('matrix-start')) return '';
  return html`<h2>Retention matrices</h2>
    <p>
      Row i holds images that pretrained layer i cannot tell from the probes; column j says how alike layer j
      of this model represents the two. The diagonal, between ceiling and floor, makes the score.
    </p>
    <div class="figures">
      ${figure(pictures, 'matrix-start')} ${figure(pictures, 'matrix-last')} ${figure(pictures, 'forgetting')}
    </div>`;
}

function moved(run: RenderedRun, pictures: ReadonlyMap<ChartName, string>): Fragment {
  const {baseline} = run;
  const last = run.readings.at(-1);
  if (!baseline || !last) return '';
  return html`<h2 id="moved">Moved or lost, and drift</h2>
    <div class="figures">
      <p>
        Gain and loss say how much more, and how much less, of a pretrained layer's invariances the blocks of
        this model hold, on average over the blocks. Invariances have moved only where the interval of the
        gain excludes 0. Flow and compression follow the centre of mass of what is above the floor; that also
        shifts where nothing arrived anywhere and the deep blocks only forgot. Drift says how differently a
        layer represents the probes: a layer may drift far and keep what it ignored.
      </p>
      ${figure(pictures, 'flow')} ${figure(pictures, 'drift-map')}
    </div>
    ${movementTable(baseline, last)}`;
}

function movementTable(baseline: Baseline, reading: Reading): Fragment {
  const {layers, gain, loss, arrival, compression, flow} = reading;
  const row = (layer: string, i: number) => {
    const to = arrival?.[i] ?? null;
    const rise =
      to === null
        ? ''
        : ` (R ${signed(reading.retention.unbiased[i]![to]! - baseline.ceiling.unbiased[i]![to]!)})`;
    const reason = withheldBy(baseline, i);
    const shift = [centre(baseline.flow[i]!, flow.centre[i]!), number(compression.layers[i]!)];
    const isBlock = baseline.blocks.includes(layer);
    return html`<tr>
      <th scope="row">${layer}</th>
      ${
        gain && loss
          ? html`${scoreCells(gain[i]!)} ${scoreCells(loss[i]!)}
              <td>${to === null ? '–' : `${layers[to]!}${rise}`}</td>`
          : ''
      }
      ${
        isBlock && flow.centre[i] === null && reason !== null
          ? html`<td colspan="2" class="withheld" title="${reason}">withheld</td>`
          : shift.map(text => html`<td>${isBlock ? text : 'no block'}</td>`)
      }
    </tr>`;
  };
  return html`<div class="scroll" tabindex="0" role="region" aria-labelledby="moved">
    <table>
      <thead>
        <tr>
          <th scope="col">layer</th>
          ${
            gain && loss
              ? html`<th scope="col">gain</th>
                  <th scope="col">95 % interval</th>
                  <th scope="col">loss</th>
                  <th scope="col">95 % interval</th>
                  <th scope="col">arrived in</th>`
              : ''
          }
          <th scope="col">centre, start → now</th>
          <th scope="col">compression</th>
        </tr>
      </thead>
      <tbody>
        ${layers.map(row)}
      </tbody>
    </table>
  </div>`;
}

function signed(value: number): string {
  return `${value < 0 ? '' : '+'}${number(value)}`;
}

function quality(baseline: Baseline | null, pictures: ReadonlyMap<ChartName, string>): Fragment {
  if (!baseline) return '';
  const {controls, gates} = baseline;
  return html`<h2 id="quality">Quality of the measurement</h2>
    <div class="figures">
      <p>
        Retention means nothing for a layer whose inversion did not converge, so its score is withheld. The
        controls give the layer unrelated images in place of inverted ones and belong near 0.
      </p>
      ${figure(pictures, 'quality-gates')}
    </div>
    <div class="scroll" tabindex="0" role="region" aria-labelledby="quality">
      <table>
        <thead>
          <tr>
            <th scope="col">layer</th>
            <th scope="col">gate</th>
            <th scope="col">fvu</th>
            <th scope="col">threshold</th>
            <th scope="col">rel</th>
            <th scope="col">images unconverged</th>
            <th scope="col">pixels to probes</th>
            <th scope="col">pixels to seeds</th>
            <th scope="col">evaluations</th>
            <th scope="col">control: noise</th>
            <th scope="col">control: permuted</th>
          </tr>
        </thead>
        <tbody>
          ${gates.map(
            (gate, i) =>
              html`<tr>
                <th scope="row">${gate.layer}</th>
                <td class="${gate.passed ? '' : 'failed'}">${gate.passed ? 'passed' : 'failed'}</td>
                <td>${number(gate.fvu, 4)}</td>
                <td>${gate.threshold}</td>
                <td>${number(gate.rel)}</td>
                <td>${number(100 * gate.unconverged, 0)} %</td>
                <td>${number(gate.rmsToProbes)}</td>
                <td>${number(gate.rmsToSeeds)}</td>
                <td>${number(gate.evaluations, 0)}</td>
                <td>${number(controls.noise[i]!)}</td>
                <td>${number(controls.permuted[i]!)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
}

function notices(events: readonly RunEvent[]): Fragment {
  const told = events.filter(event => event.type === 'notice' && event.level !== 'info');
  if (told.length === 0) return '';
  return html`<h2>Warnings during the run</h2>
    <ul>
      ${told.slice(-MAX_NOTICES).map(event => event.type === 'notice' && html`<li>${event.level}: ${event.message}</li>`)}
    </ul>`;
}

function provenance({info, baseline, readings, events}: RenderedRun): Fragment {
  const {fingerprint} = info;
  const seconds = readings.reduce((sum, {cost}) => sum + cost.seconds, 0);
  const entries: [string, string][] = [
    ['Fingerprint', fingerprint.id],
    ['Pretrained weights', fingerprint.pretrained],
    ['Probes', `${info.probes.count} images, ${info.probes.source} (${fingerprint.probes})`],
    ['Seeds', fingerprint.seeds],
    ['Layers, pooling', `${info.layers.length}, ${info.pooling}`],
    ['Inversion', pairs(fingerprint.inversion)],
    ['Floor', fingerprint.floor],
    ['Cost of the baseline', baseline ? cost(baseline.cost) : 'not measured'],
    [
      'Cost of readings',
      readings.length === 0
        ? 'none yet'
        : `${number(seconds, 1)} s` +
          (readings.length > 1
            ? ` for ${readings.length}, ${number(seconds / readings.length, 1)} s each`
            : ''),
    ],
    ['Checkpoints', String(events.filter(event => event.type === 'checkpoint').length)],
    ['Engine', info.engine],
    ['Versions', pairs(info.versions)],
    ['Git commit', info.git ?? 'none'],
    ['Settings', pairs(info.config) || 'none'],
  ];
  return html`<h2>Where the numbers come from</h2>
    <p>Numbers compare only between runs of one fingerprint.</p>
    <dl>
      ${entries.map(
        ([term, value]) =>
          html`<dt>${term}</dt>
            <dd>${value}</dd>`,
      )}
    </dl>`;
}

function cost({seconds, forwards, gradients}: Baseline['cost']): string {
  return `${number(seconds, 1)} s, ${forwards.toLocaleString('en')} forward images, ${gradients.toLocaleString('en')} gradients`;
}

function pairs(record: Readonly<Record<string, unknown>>): string {
  return Object.entries(record)
    .map(([key, value]) => `${key} ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ');
}

/**
 * A picture that grows where the page has room, and scrolls sideways by itself where it is narrow, so that its text stays
 * legible.
 */
function figure(pictures: ReadonlyMap<ChartName, string>, name: ChartName): Fragment {
  const svg = pictures.get(name);
  if (svg === undefined) return '';
  const label = name.replaceAll('-', ' ');
  const [, width] = /^<svg[^>]* width="(\d+)"/.exec(svg)!;
  return html`<figure style="--width: ${width}px">
    <div class="scroll" tabindex="0" role="region" aria-label="${label} picture">${raw(svg)}</div>
  </figure>`;
}

function number(value: number | null, digits = 3): string {
  return value === null ? '–' : value.toFixed(digits).replace('-', '−');
}
