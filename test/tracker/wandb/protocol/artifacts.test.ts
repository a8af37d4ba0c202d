import {mkdtempSync, rmSync, truncateSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect, it} from 'vitest';
import {createApi} from '../../../../src/tracker/wandb/protocol/api.js';
import {uploadArtifact} from '../../../../src/tracker/wandb/protocol/artifacts.js';
import {createBackoff} from '../../../../src/tracker/wandb/protocol/backoff.js';
import {Session} from '../../../../src/tracker/wandb/protocol/session.js';
import {quickTiming} from '../quick-timing.js';
import {StandIn} from '../stand-in.js';

const mebibyte = 2 ** 20;
const size = 768 * mebibyte;

it('a checkpoint of any size is read while it is hashed and sent', {timeout: 300_000}, async () => {
  let received = 0;
  // It keeps nothing, so that what is held is ours.
  const storage = createServer((request, response) => {
    request.on('data', (chunk: Buffer) => (received += chunk.length)).on('end', () => response.end());
  });
  await new Promise<void>(resolve => storage.listen(0, '127.0.0.1', resolve));
  const server = await new StandIn({
    storage: `http://127.0.0.1:${(storage.address() as AddressInfo).port}`,
  }).up();
  const folder = mkdtempSync(join(tmpdir(), 'artifact-'));
  writeFileSync(join(folder, 'model.safetensors'), '');
  truncateSync(join(folder, 'model.safetensors'), size);

  const api = createApi({baseUrl: server.url, apiKey: 'k', timeoutMs: 120_000});
  const sleep = (ms: number) => new Promise<void>(resolve => setTimeout(resolve, ms));
  const session = new Session({api, backoff: () => createBackoff({timing: quickTiming, sleep})});
  let peak = 0;
  const look = setInterval(() => (peak = Math.max(peak, process.memoryUsage().arrayBuffers)), 20);
  await uploadArtifact(
    session,
    api,
    {entity: 'ada', project: 'birds', run: 'run-1'},
    {name: 'model-run-1', type: 'model', folder, aliases: ['latest'], metadata: {}, step: 1},
  );
  clearInterval(look);
  expect(received).toBeGreaterThanOrEqual(size);
  expect(peak / mebibyte).toBeLessThan(size / mebibyte / 2);
  expect(server.store.artifacts).toMatchObject([{state: 'COMMITTED'}]);
  await server.down();
  storage.close();
  rmSync(folder, {recursive: true});
});
