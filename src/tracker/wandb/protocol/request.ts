import {createReadStream} from 'node:fs';
import {Readable} from 'node:stream';
import {messageOf} from '../../../errors.js';

/** What became of one request. */
export type Outcome<T> =
  | {status: 'ok'; value: T}
  /** It may have taken effect or not, and may work later. */
  | {status: 'retry'; reason: string; afterMs: number | null}
  /** It did not take effect, and repeating it will not help. */
  | {status: 'refused'; code: number; reason: string};

/** What a request sends; a file is read while it is sent, whatever its size. */
export type Body = string | Uint8Array<ArrayBuffer> | {file: string; size: number};

export interface RequestOptions {
  fetch: typeof fetch;
  url: string;
  method: 'POST' | 'PUT';
  headers: Record<string, string>;
  body: Body;
  timeoutMs: number;
}

/** Retry-After in seconds or as a date; null where there is none. */
export function retryAfterMs(header: string | null, now: number): number | null {
  if (header === null) return null;
  const seconds = Number(header);
  if (Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const date = Date.parse(header);
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}

function isTransient(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || status >= 500;
}

function withBody(headers: Record<string, string>, body: Body): RequestInit {
  if (typeof body === 'string' || body instanceof Uint8Array) return {headers, body};
  return {
    // Storage behind signed URLs takes no body of unknown length.
    headers: {...headers, 'content-length': String(body.size)},
    body: Readable.toWeb(createReadStream(body.file)) as ReadableStream,
    duplex: 'half',
    // Only so does Node's fetch not keep a copy of the body for the case that it must be sent again.
    window: null,
    redirect: 'error',
  } as RequestInit;
}

/** One HTTP request, once; never throws. The text of an answer that came whole is parsed as JSON. */
export async function request(options: RequestOptions): Promise<Outcome<unknown>> {
  const {fetch, url, method, headers, body, timeoutMs} = options;
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, {
      method,
      signal: AbortSignal.timeout(timeoutMs),
      ...withBody(headers, body),
    });
    text = await response.text();
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : '';
    return {status: 'retry', reason: `${messageOf(error)}${cause}`, afterMs: null};
  }
  if (isTransient(response.status)) {
    const afterMs = retryAfterMs(response.headers.get('retry-after'), Date.now());
    return {status: 'retry', reason: `HTTP ${response.status}`, afterMs};
  }
  if (!response.ok) {
    return {
      status: 'refused',
      code: response.status,
      reason: `HTTP ${response.status}: ${text.slice(0, 300)}`,
    };
  }
  try {
    return {status: 'ok', value: text === '' ? null : (JSON.parse(text) as unknown)};
  } catch {
    // Storage answers with XML or nothing; W&B itself always with JSON, so half an answer shows here.
    return method === 'PUT'
      ? {status: 'ok', value: null}
      : {status: 'retry', reason: 'the answer is not whole', afterMs: null};
  }
}
