import {join} from 'node:path';
import {InvarianceError, messageOf} from '../../errors.js';
import {downloadBlob, linkSnapshot, type RemoteFile} from './download-blob.js';
import {modelCache} from '../folders/find-model.js';
import {ioFailed, replaceFile} from '../../disk/index.js';
import {isPickled} from '../folders/pickled.js';

/** Bytes of the whole model, for one bar: `received` of `total`, now at `file`. */
export interface DownloadProgress {
  readonly file: string;
  readonly received: number;
  readonly total: number;
}

export interface DownloadModelOptions {
  readonly model: string;
  readonly revision: string;
  readonly cache: string;
  readonly endpoint: string;
  readonly token: string | undefined;
  readonly fetch: typeof fetch | undefined;
  readonly onProgress: ((progress: DownloadProgress) => void) | undefined;
}

const DESCRIPTIONS = [
  'config.json',
  'preprocessor_config.json',
  'processor_config.json',
  'adapter_config.json',
];
const INDEX = 'model.safetensors.index.json';
const SHARD = /^model-\d+-of-\d+\.safetensors$/;

/**
 * Downloads what is needed of a model (its safetensors and descriptions) into the Hugging Face cache and returns its
 * snapshot folder. Every file is checked against its hash before it takes its place.
 */
export async function downloadModel(options: DownloadModelOptions): Promise<string> {
  const {model, revision, cache, endpoint, token, fetch, onProgress} = options;
  const hub = await import('@huggingface/hub').catch((cause: unknown) => {
    throw new InvarianceError(
      'io_failed',
      `cannot download ${model}: the optional package @huggingface/hub is not installed; ` +
        `npm install @huggingface/hub, or fetch the model with "hf download ${model}"`,
      {cause},
    );
  });
  const request = {
    repo: {type: 'model' as const, name: model},
    hubUrl: endpoint,
    ...(token !== undefined && {accessToken: token}),
    ...(fetch !== undefined && {fetch}),
  };
  const folder = modelCache(model, cache);
  try {
    const {sha} = await hub.modelInfo({...request, name: model, revision, additionalFields: ['sha']});
    if (!/^[0-9a-f]{40}$/.test(sha)) throw new Error(`the hub names the commit ${JSON.stringify(sha)}`);
    const listed: RemoteFile[] = [];
    for await (const {type, path, size, oid, lfs} of hub.listFiles({...request, revision: sha}))
      if (type === 'file') listed.push({path, size, hash: lfs?.oid ?? oid ?? ''});
    const wanted = wantedOf(listed, model);

    const total = wanted.reduce((sum, {size}) => sum + size, 0);
    let before = 0;
    for (const file of wanted) {
      await downloadBlob({
        file,
        folder,
        open: () => hub.downloadFile({...request, path: file.path, revision: sha, xet: false}),
        onBytes: bytes => onProgress?.({file: file.path, received: before + bytes, total}),
      });
      before += file.size;
    }
    const snapshot = join(folder, 'snapshots', sha);
    await linkSnapshot(snapshot, wanted);
    const ref = join(folder, 'refs', revision);
    if (revision !== sha) await replaceFile(ref, sha);
    return snapshot;
  } catch (error) {
    throw failureOf(error, options);
  }
}

/** Descriptions, and weights in the one form that is read: whole, in shards, or an adapter. */
function wantedOf(listed: readonly RemoteFile[], model: string): RemoteFile[] {
  const named = (name: string) => listed.filter(({path}) => path === name);
  const shards = listed.filter(({path}) => path === INDEX || SHARD.test(path));
  const weights = [named('model.safetensors'), shards, named('adapter_model.safetensors')].find(
    files => files.length > 0,
  );
  if (weights !== undefined) return [...DESCRIPTIONS.flatMap(named), ...weights];
  const pickled = listed.some(({path}) => isPickled(path));
  throw new InvarianceError(
    'bad_weights',
    `${model} has no safetensors on the hub${pickled ? ', only Python pickles' : ''}; load it in Python once and ` +
      'save it with save_pretrained(FOLDER), then name that folder',
  );
}

function failureOf(
  error: unknown,
  {model, revision, endpoint, cache}: DownloadModelOptions,
): InvarianceError {
  if (error instanceof InvarianceError) return error;
  if ((error as NodeJS.ErrnoException).syscall !== undefined)
    return ioFailed(modelCache(model, cache), error);
  const status = (error as {statusCode?: number}).statusCode;
  if (status === 401 || status === 403)
    return new InvarianceError(
      'bad_weights',
      `${endpoint} refuses ${model} (${status}): there is no such model, or it is private or gated; check the name, ` +
        `accept its terms at ${endpoint}/${model} and set HF_TOKEN`,
      {cause: error},
    );
  if (status === 404)
    return new InvarianceError(
      'bad_weights',
      `${model} is no folder here, and ${endpoint} has no model of that name with revision ${revision}; check both`,
      {cause: error},
    );
  const reason = [messageOf(error), (error as Error).cause].filter(Boolean).map(messageOf).join(': ');
  return new InvarianceError(
    'io_failed',
    `no folder ${model} here, and cannot download ${model} from ${endpoint} (${reason}); what arrived is kept and the next try goes on from there, ` +
      `or run "hf download ${model}" where there is a network and copy ${modelCache(model, cache)}`,
    {cause: error},
  );
}
