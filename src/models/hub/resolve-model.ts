import {readFile} from 'node:fs/promises';
import {homedir} from 'node:os';
import {join} from 'node:path';
import {InvarianceError} from '../../errors.js';
import {downloadModel, type DownloadProgress} from './download-model.js';
import {cacheFolder, findModel, isHubName, REVISION, type FindModelOptions} from '../folders/find-model.js';

export interface ResolveModelOptions extends FindModelOptions {
  /** Never use the network. Default: HF_HUB_OFFLINE. */
  readonly offline?: boolean;
  /** Default: HF_ENDPOINT, else https://huggingface.co. */
  readonly endpoint?: string;
  /** For private and gated models. Default: HF_TOKEN, else what `hf auth login` stored. */
  readonly token?: string;
  /** Default: the global one. */
  readonly fetch?: typeof fetch;
  readonly onProgress?: (progress: DownloadProgress) => void;
}

const ENDPOINT = 'https://huggingface.co';

/**
 * The folder of a model: a path as it is; a hub name from the Hugging Face cache, else downloaded into it (with the
 * optional package `@huggingface/hub`), where Python finds it too. An interrupted download goes on where it stopped.
 * @throws InvarianceError `bad_weights` where there is no such model, `io_failed` where it cannot be downloaded
 */
export async function resolveModel(options: ResolveModelOptions): Promise<string> {
  const {model, revision = REVISION, cache = cacheFolder()} = options;
  const found = await findModel(options);
  if (found !== undefined) return found;
  if (!isHubName(model))
    throw new InvarianceError('bad_weights', `${model}: there is no such folder or file; check the path`);
  if (options.offline ?? isOffline(process.env))
    throw new InvarianceError(
      'bad_weights',
      `${model} is no folder here and not whole in the cache ${cache}, and HF_HUB_OFFLINE forbids a download; ` +
        `check the path, or run "hf download ${model}" where there is a network`,
    );
  const endpoint = (options.endpoint ?? process.env['HF_ENDPOINT'] ?? ENDPOINT).replace(/\/+$/, '');
  const {fetch, onProgress} = options;
  const token = options.token ?? (await storedToken(process.env));
  return downloadModel({model, revision, cache, endpoint, token, fetch, onProgress});
}

function isOffline(env: NodeJS.ProcessEnv): boolean {
  return /^(1|on|yes|true)$/i.test(env['HF_HUB_OFFLINE'] ?? '');
}

async function storedToken(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  if (env['HF_TOKEN']) return env['HF_TOKEN'];
  const home = env['HF_HOME'] ?? join(env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'huggingface');
  const token = await readFile(env['HF_TOKEN_PATH'] ?? join(home, 'token'), 'utf8').catch(() => '');
  return token.trim() || undefined;
}
