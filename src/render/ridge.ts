import {html} from 'hono/html';
import type {LayerName, RidgeBaseline, RidgeReading, Score} from '../types.js';
import {wordsOf, type RenderedRun} from './run.js';

/** What the ridge probes of the last reading say: sentences and a table for each set of labels; empty without labels. */
export function ridgeSection(run: RenderedRun): ReturnType<typeof html> | '' {
  const last = run.readings.at(-1);
  const pretrained = run.baseline?.ridge;
  if (!last?.ridge || !pretrained) return '';
  const {layers} = last;
  const table = (now: RidgeReading, at: number) => {
    const before = pretrained[at]!;
    const id = `ridge-${at}`;
    return html`<h3 id="${id}">Labels: ${before.labels}, ${before.classes} classes</h3>
      <p>${ridgeSentence(layers, before, now)}</p>
      <div class="scroll" tabindex="0" role="region" aria-labelledby="${id}">
        <table>
          <thead>
            <tr>
              <th scope="col">layer</th>
              <th scope="col">accuracy before</th>
              <th scope="col">now</th>
              <th scope="col">change</th>
              <th scope="col">95 % interval</th>
              <th scope="col">old probe, change</th>
              <th scope="col">95 % interval</th>
            </tr>
          </thead>
          <tbody>
            ${layers.map(
              (layer, i) =>
                html`<tr>
                  <th scope="row">${layer}</th>
                  <td>${share(before.accuracy[i]!)}</td>
                  <td>${share(now.accuracy[i]!)}</td>
                  ${changeCells(now.change[i]!)} ${changeCells(now.kept[i]!)}
                </tr>`,
            )}
          </tbody>
        </table>
      </div>`;
  };
  return html`<h2>Does it matter? Ridge probes ${wordsOf(run, last).where}</h2>
    <p>
      A ridge classifier is fitted on each layer's features of the labelled probes and asked about an image
      that was left out. The change is that of a classifier fitted anew; the old probe is the pretrained
      model's, shown the features of now, as a head that was not trained along would see them.
    </p>
    ${last.ridge.map(table)}`;
}

/** Which layers tell the classes less well, or better, than they did: those whose interval excludes 0. */
export function ridgeSentence(
  layers: readonly LayerName[],
  {accuracy, chance}: Pick<RidgeBaseline, 'accuracy' | 'chance'>,
  now: Pick<RidgeReading, 'accuracy' | 'change'>,
): string {
  const sure = (is: (score: Extract<Score, {status: 'scored'}>) => boolean) =>
    layers.flatMap((layer, i) => {
      const change = now.change[i]!;
      return change.status === 'scored' && is(change)
        ? [`${layer} (${share(accuracy[i]!)} → ${share(now.accuracy[i]!)})`]
        : [];
    });
  const less = sure(({high}) => high !== null && high < 0);
  const more = sure(({low}) => low !== null && low > 0);
  const said = [
    ...(less.length > 0 ? [`less well in ${less.join(', ')}`] : []),
    ...(more.length > 0 ? [`better in ${more.join(', ')}`] : []),
  ];
  const changed =
    said.length > 0
      ? `A probe fitted anew tells these classes ${said.join(' and ')}; elsewhere the interval holds 0`
      : 'In no layer does the accuracy of a probe fitted anew change by more than its interval';
  return `${changed}. Chance is ${share(chance)}.`;
}

function changeCells(score: Score): ReturnType<typeof html> {
  if (score.status === 'withheld')
    return html`<td colspan="2" class="withheld" title="${score.reason}">withheld</td>`;
  return html`<td>${signed(score.value)}</td>
    <td>${score.low === null ? 'none' : `${signed(score.low)} to ${signed(score.high!)}`}</td>`;
}

function share(value: number | null): string {
  return value === null ? '–' : value.toFixed(2);
}

function signed(value: number): string {
  const text = Math.abs(value).toFixed(2);
  return text === '0.00' ? text : `${value < 0 ? '−' : '+'}${text}`;
}
