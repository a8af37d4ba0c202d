import {once} from 'node:events';
import {pathToFileURL} from 'node:url';
import {Worker} from 'node:worker_threads';
import {afterEach, expect, it, vi} from 'vitest';
import {openRuntime} from '../../../src/engine/ort/runtime.js';

afterEach(() => vi.unstubAllEnvs());

const SWITCH = 'ORT_DISABLE_TELEMETRY';

it.each([undefined, ''])('the telemetry of onnxruntime-node is off where the switch is %j', async value => {
  vi.stubEnv(SWITCH, value);
  await openRuntime({library: 'node', threads: 1});
  expect(process.env[SWITCH]).toBe('1');
});

it('whoever has set the switch keeps their value', async () => {
  vi.stubEnv(SWITCH, '0');
  await openRuntime({library: 'node', threads: 1});
  expect(process.env[SWITCH]).toBe('0');
});

/** What the engine of a worker thread is, or why there is none. */
async function engineInThread(options: object): Promise<unknown> {
  const code = `import(${JSON.stringify(pathToFileURL('test/built.mjs'))})
    .then(({openOrtEngine}) => openOrtEngine(${JSON.stringify({folder: 'test/fixtures/architectures/vit', ...options})}))
    .then(engine => engine.description, ({code, message}) => ({code, message}))
    .then(said => require('node:worker_threads').parentPort.postMessage(said));`;
  const worker = new Worker(code, {eval: true, env: {}});
  const [said] = (await once(worker, 'message')) as unknown[];
  await worker.terminate();
  return said;
}

it('a worker thread, whose environment no native library sees, runs onnxruntime-web', async () => {
  expect(await engineInThread({})).toMatch(/^onnxruntime-web/);
});

it('and is refused onnxruntime-node by name, with the remedy', async () => {
  expect(await engineInThread({library: 'node'})).toEqual({
    code: 'engine_failed',
    message: expect.stringMatching(/worker thread; set ORT_DISABLE_TELEMETRY=1 where Node is started$/),
  });
});
