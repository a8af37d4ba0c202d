import {Hono} from 'hono';
import {html, raw} from 'hono/html';
import {HTTPException} from 'hono/http-exception';
import {messageOf} from '../errors.js';
import {drawReport, minuteOf, pageStyle} from '../render/index.js';
import {
  leftOutText,
  listRuns,
  type RecordedRun,
  type RunSummary,
  type UnreadableRun,
} from '../journal/index.js';
import {stateWords} from '../divergence.js';
import {runById} from './api.js';
import {stateOf} from './run-changes.js';

/**
 * Reloads a page when the run behind it is no more what the page shows: it has a new reading, or has ended. Scrolled where
 * it was.
 */
const liveScript = (shown: RecordedRun): string => `
const live = new EventSource('/api' + location.pathname + '/live');
live.addEventListener('changed', ({data}) => {
  if (data === '${stateOf(shown)}') return;
  live.close();
  location.reload();
});`;

/** What people look at: the list of runs at `/`, and each run's report at `/runs/:id`, which follows the run. */
export function createPage(folder: string): Hono {
  const page = new Hono();
  page.get('/', async c => c.html(listPage(folder, await listRuns(folder))));
  page.get('/runs/:id', async c => {
    const run = await runById(folder, c.req.param('id'));
    const {page: report} = await drawReport(run).catch((cause: unknown) => {
      throw new HTTPException(422, {message: `its report cannot be drawn: ${messageOf(cause)}`, cause});
    });
    const leftOut = leftOutText(run.problems);
    const note = leftOut === null ? '' : await html`<p role="alert">This run is not whole: ${leftOut}.</p>`;
    // As functions: in a text for replace, a dollar sign of a message would mean something.
    const linked = report
      .replace('<header>', () => '<header><nav><a href="/">All runs</a></nav>')
      .replace('</header>', () => `${note}</header>`);
    return c.html(
      run.state === 'running'
        ? linked.replace('</body>', `<script>${liveScript(run)}</script></body>`)
        : linked,
    );
  });
  page.get('/favicon.ico', c => c.body(null, 204));
  page.onError((error, c) => {
    const status = error instanceof HTTPException ? error.status : 500;
    return c.html(
      problemPage(status === 404 ? 'No such run' : 'This run cannot be shown', error.message),
      status,
    );
  });
  return page;
}

function pageOf({title, header, main}: {title: string; header: unknown; main: unknown}) {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title}</title>
        <style>
          ${raw(pageStyle())}
        </style>
      </head>
      <body>
        <header>${header}</header>
        <main>${main}</main>
      </body>
    </html>`;
}

function problemPage(title: string, problem: string) {
  const header = html`<nav><a href="/">All runs</a></nav>
    <h1>${title}</h1>`;
  return pageOf({title, header, main: html`<p role="alert">${problem}</p>`});
}

function listPage(folder: string, runs: readonly (RunSummary | UnreadableRun)[]) {
  const title = 'Invariance runs';
  const header = html`<h1>${title}</h1>
    <p class="quiet">in ${folder}, newest first</p>`;
  const none = html`<p>No runs yet. Start one, and reload.</p>`;
  return pageOf({title, header, main: runs.length === 0 ? none : runTable(runs)});
}

function unreadableRow({name, problem}: UnreadableRun) {
  return html`<tr>
    <th scope="row"><a href="/runs/${name}">${name}</a></th>
    <td>–</td>
    <td>unreadable</td>
    <td class="words" colspan="4">${problem}</td>
  </tr>`;
}

function readRow({info, state, diverged, readings, last, problems}: RunSummary) {
  return html`<tr>
    <th scope="row"><a href="/runs/${info.id}">${info.name}</a></th>
    <td>${last && last.step > 0 ? (last.meanScore?.toFixed(2) ?? '–') : '–'}</td>
    <td title="${leftOutText(problems) ?? ''}">
      ${stateWords(state, diverged)}${problems.length > 0 ? ', not whole' : ''}
    </td>
    <td>${last?.step ?? '–'}</td>
    <td>${readings}</td>
    <td>${minuteOf(info.created)}</td>
    <td><code>${info.fingerprint.id.slice(0, 8)}</code></td>
  </tr>`;
}

function runTable(runs: readonly (RunSummary | UnreadableRun)[]) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="runs">
    <table class="runs">
      <thead>
        <tr>
          <th scope="col">run</th>
          <th scope="col">mean retention</th>
          <th scope="col">state</th>
          <th scope="col">last step</th>
          <th scope="col">readings</th>
          <th scope="col">started</th>
          <th scope="col">fingerprint</th>
        </tr>
      </thead>
      <tbody>
        ${runs.map(run => (run.status === 'read' ? readRow(run) : unreadableRow(run)))}
      </tbody>
    </table>
  </div>`;
}
