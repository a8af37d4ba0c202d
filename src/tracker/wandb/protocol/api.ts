import {queries, type Operation} from './queries.js';
import {request, type Body, type Outcome} from './request.js';

/** Which run of which server. */
export interface RunPath {
  entity: string;
  project: string;
  run: string;
}

/** One post to a run's file stream. */
export interface StreamPost {
  files?: Record<string, {offset: number; content: string[]}>;
  uploaded?: string[];
  complete?: boolean;
  exitcode?: number;
}

/** W&B's HTTP interface, one request a call, none repeated. */
export interface Api {
  readonly baseUrl: string;
  graphql(
    operation: Operation,
    variables: Record<string, unknown>,
  ): Promise<Outcome<Record<string, unknown>>>;
  stream(path: RunPath, body: StreamPost): Promise<Outcome<unknown>>;
  /** To the storage that a signed URL names. */
  put(url: string, headers: readonly string[], body: Exclude<Body, string>): Promise<Outcome<unknown>>;
}

export interface ApiOptions {
  baseUrl: string;
  apiKey: string;
  timeoutMs: number;
  fetch?: typeof globalThis.fetch;
}

/** An upload this slow, in bytes a millisecond, is not given up. */
const slowestUpload = 32;

/** GraphQL says no with status 200; these will say it again. */
const finalErrors =
  /permission|denied|unauthori[sz]ed|forbidden|deleted|not found|does not exist|invalid|cannot query/i;

export function createApi({baseUrl, apiKey, timeoutMs, fetch = globalThis.fetch}: ApiOptions): Api {
  const headers = {
    authorization: `Basic ${Buffer.from(`api:${apiKey}`).toString('base64')}`,
    'content-type': 'application/json',
    'user-agent': 'wandb-invariance',
  };
  return {
    baseUrl,
    async graphql(operation, variables) {
      const body = JSON.stringify({operationName: operation, query: queries[operation], variables});
      const outcome = await request({
        fetch,
        url: `${baseUrl}/graphql`,
        method: 'POST',
        headers,
        body,
        timeoutMs,
      });
      if (outcome.status !== 'ok') return outcome;
      const {data, errors} = (outcome.value ?? {}) as {
        data?: Record<string, unknown> | null;
        errors?: {message?: string}[];
      };
      if (errors && errors.length > 0) {
        const reason = `${operation}: ${errors.map(error => error.message ?? 'no message').join('; ')}`;
        return finalErrors.test(reason)
          ? {status: 'refused', code: 200, reason}
          : {status: 'retry', reason, afterMs: null};
      }
      if (!data) return {status: 'retry', reason: `${operation}: an answer without data`, afterMs: null};
      return {status: 'ok', value: data};
    },
    stream({entity, project, run}, body) {
      const path = [entity, project, run].map(encodeURIComponent).join('/');
      const url = `${baseUrl}/files/${path}/file_stream`;
      return request({fetch, url, method: 'POST', headers, body: JSON.stringify(body), timeoutMs});
    },
    put(url, uploadHeaders, body) {
      // The URL is signed: the key is not for the storage behind it.
      const given = Object.fromEntries(
        uploadHeaders.map(line => {
          const at = line.indexOf(':');
          return [line.slice(0, at).trim(), line.slice(at + 1).trim()];
        }),
      );
      return request({
        fetch,
        url,
        method: 'PUT',
        headers: given,
        body,
        timeoutMs: timeoutMs + Math.ceil(('file' in body ? body.size : body.length) / slowestUpload),
      });
    },
  };
}
