import {Hono} from 'hono';
import {html, raw} from 'hono/html';
import {HTTPException} from 'hono/http-exception';
import {drawReport, minuteOf, pageStyle} from '../render/index.js';
import {listRuns, type RecordedRun, type RunSummary} from '../journal/index.js';
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
    const {page: report} = await drawReport(run);
    const linked = report.replace('<header>', '<header><nav><a href="/">All runs</a></nav>');
    return c.html(
      run.state === 'running'
        ? linked.replace('</body>', `<script>${liveScript(run)}</script></body>`)
        : linked,
    );
  });
  page.get('/favicon.ico', c => c.body(null, 204));
  page.onError((error, c) => {
    const status = error instanceof HTTPException ? error.status : 500;
    return c.text(error.message, status);
  });
  return page;
}

function listPage(folder: string, runs: readonly RunSummary[]) {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>Invariance runs</title>
        <style>
          ${raw(pageStyle())}
        </style>
      </head>
      <body>
        <header>
          <h1>Invariance runs</h1>
          <p class="quiet">in ${folder}, newest first</p>
        </header>
        <main>${runs.length === 0 ? html`<p>No runs yet. Start one, and reload.</p>` : runTable(runs)}</main>
      </body>
    </html>`;
}

function runTable(runs: readonly RunSummary[]) {
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
        ${runs.map(
          ({info, state, readings, last}) =>
            html`<tr>
              <th scope="row"><a href="/runs/${info.id}">${info.name}</a></th>
              <td>${last && last.step > 0 ? (last.meanScore?.toFixed(2) ?? '–') : '–'}</td>
              <td>${state}</td>
              <td>${last?.step ?? '–'}</td>
              <td>${readings}</td>
              <td>${minuteOf(info.created)}</td>
              <td><code>${info.fingerprint.id.slice(0, 8)}</code></td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}
