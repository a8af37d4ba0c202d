import {existsSync} from 'node:fs';
import {join} from 'node:path';
import {Hono} from 'hono';
import {HTTPException} from 'hono/http-exception';
import {streamSSE} from 'hono/streaming';
import {compareRuns} from '../compare/index.js';
import {InvarianceError, messageOf} from '../errors.js';
import {listRuns, readRun, runFiles, type RecordedRun} from '../journal/index.js';
import {runChanges, stateOf} from './run-changes.js';

/**
 * A run of the folder by its id; ids never name a place outside it.
 * @throws HTTPException 404 where there is none, 422 with the reason where it cannot be read
 */
export async function runById(folder: string, id: string): Promise<RecordedRun> {
  if (!/^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(id)) throw new HTTPException(404, {message: `no run ${id}`});
  const path = join(folder, id);
  if (!existsSync(join(path, runFiles.info))) throw new HTTPException(404, {message: `no run ${id}`});
  try {
    return await readRun(path);
  } catch (error) {
    throw new HTTPException(422, {message: messageOf(error), cause: error});
  }
}

/**
 * The runs of a folder as JSON, read-only.
 *
 * | route | answer |
 * |---|---|
 * | `GET /runs` | summaries, newest first, then the folders that cannot be read, with the reason |
 * | `GET /runs/:id` | info, baseline, readings, state, notices, problems; 422 with the reason where it cannot be read |
 * | `GET /runs/:id/live` | server-sent events: `changed` with the number of readings and the state |
 * | `GET /compare?a=ID&b=ID[&step=N or &step=N,M]` | the comparison, or 409 with the reason where fingerprints differ |
 */
export function createApi(folder: string): Hono {
  const api = new Hono();

  api.get('/runs', async c => c.json(await listRuns(folder)));

  api.get('/runs/:id', async c => {
    const {info, baseline, readings, state, events, problems} = await runById(folder, c.req.param('id'));
    const notices = events.filter(event => event.type === 'notice');
    return c.json({info, baseline, readings, state, notices, problems});
  });

  api.get('/runs/:id/live', async c => {
    const {folder: place} = await runById(folder, c.req.param('id'));
    return streamSSE(c, async stream => {
      const gone = new AbortController();
      stream.onAbort(() => gone.abort());
      for await (const run of runChanges(place, gone.signal)) {
        await stream.writeSSE({event: 'changed', data: stateOf(run)});
        if (run.state !== 'running') return;
      }
    });
  });

  api.get('/compare', async c => {
    const {a, b, step} = c.req.query();
    if (!a || !b) throw new HTTPException(400, {message: 'name two runs: /api/compare?a=ID&b=ID'});
    const [at, other, ...more] = step?.split(',').map(Number) ?? [];
    if (Number.isNaN(at) || Number.isNaN(other) || more.length > 0)
      throw new HTTPException(400, {message: `invalid step: ${step}; give a number, or two: 100,400`});
    const runs = await Promise.all([runById(folder, a), runById(folder, b)]);
    try {
      return c.json(
        compareRuns(runs[0], runs[1], {step: at !== undefined && other !== undefined ? [at, other] : at}),
      );
    } catch (error) {
      if (error instanceof InvarianceError)
        throw new HTTPException(409, {message: error.message, cause: error});
      throw error;
    }
  });

  api.onError((error, c) => {
    const status = error instanceof HTTPException ? error.status : 500;
    return c.json({error: error.message}, status);
  });
  return api;
}
