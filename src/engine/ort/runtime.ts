import {isMainThread} from 'node:worker_threads';
import type {InferenceSession} from 'onnxruntime-web';
import {InvarianceError, messageOf} from '../../errors.js';
import {Tape} from '../onnx/tape.js';

/** What onnxruntime-node and onnxruntime-web have in common and we use. */
type Ort = Pick<typeof import('onnxruntime-web'), 'InferenceSession' | 'Tensor' | 'env'>;

export type Library = 'node' | 'web';
export type Device = 'cpu' | 'cuda' | 'webgpu';

export interface Runtime {
  readonly ort: Ort;
  /** "onnxruntime-node 1.30.0, cpu, 1 thread". */
  readonly description: string;
  /** Writes results into arrays it is given; onnxruntime-web leaves them as they are and returns others. */
  readonly writesInPlace: boolean;
  /** Ready to run a model. */
  session(model: Uint8Array): Promise<InferenceSession>;
}

const ERRORS_ONLY = 3;

/** Read by onnxruntime-node when it makes its first session; empty, `0` and `false` mean on. */
const TELEMETRY_SWITCH = 'ORT_DISABLE_TELEMETRY';

const loaders: Readonly<Record<Library, () => Promise<Ort>>> = {
  node: async () => {
    switchTelemetryOff();
    const loaded = (await import('onnxruntime-node')) as unknown as Ort & {default?: Ort};
    return loaded.default ?? loaded;
  },
  web: async () => import('onnxruntime-web'),
};

/**
 * Loads the library asked for, else onnxruntime-node where it is installed, else onnxruntime-web; and takes the device
 * asked for where it is present, else the CPU. `description` says which ran.
 * @throws InvarianceError `engine_failed` where the library asked for cannot be loaded
 */
export async function openRuntime({
  library,
  device = 'cpu',
  threads,
}: {
  library?: Library;
  device?: Device;
  threads: number;
}): Promise<Runtime> {
  const [ort, name] = await load(library);
  if (name === 'web') ort.env.wasm.numThreads = threads;
  const open = (executionProviders: string[], model: Uint8Array) =>
    ort.InferenceSession.create(model, {
      executionProviders,
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      enableMemPattern: false,
      logSeverityLevel: ERRORS_ONLY,
    });
  const cpu = name === 'web' ? 'wasm' : 'cpu';
  const present = device !== 'cpu' && (await runs(model => open([device], model)));
  const providers = present ? [device, cpu] : [cpu];
  const version = ort.env.versions[name] ?? ort.env.versions.common;
  const ran = present ? device : device === 'cpu' ? 'cpu' : `cpu (no ${device} here)`;
  return {
    ort,
    description: `onnxruntime-${name} ${version}, ${ran}, ${threads} thread${threads === 1 ? '' : 's'}`,
    writesInPlace: name === 'node',
    session: model => open(providers, model),
  };
}

async function load(library: Library | undefined): Promise<[Ort, Library]> {
  const failures: string[] = [];
  for (const name of library ? [library] : (['node', 'web'] as const)) {
    try {
      return [await loaders[name](), name];
    } catch (error) {
      if (library && error instanceof InvarianceError) throw error;
      failures.push(messageOf(error));
    }
  }
  throw new InvarianceError(
    'engine_failed',
    `cannot load onnxruntime-${library ?? 'node or onnxruntime-web'}: ${failures.join('; ')}; install it with npm`,
  );
}

/**
 * Left to itself onnxruntime-node writes a device id to the user's cache folder and reports machine and models to its
 * maker. Whoever has set the switch keeps their value.
 */
function switchTelemetryOff(): void {
  if (process.env[TELEMETRY_SWITCH]) return;
  // A thread has a copy of the environment, which a native library does not see.
  if (!isMainThread)
    throw new InvarianceError(
      'engine_failed',
      `the telemetry of onnxruntime-node cannot be switched off from a worker thread; set ${TELEMETRY_SWITCH}=1 where Node is started`,
    );
  process.env[TELEMETRY_SWITCH] = '1';
}

/** Whether a session of one node opens: a provider that is not there refuses. */
async function runs(open: (model: Uint8Array) => Promise<InferenceSession>): Promise<boolean> {
  const tape = new Tape();
  try {
    const session = await open(tape.model({y: tape.input('x', [1])}).bytes);
    await session.release();
    return true;
  } catch {
    return false;
  }
}
