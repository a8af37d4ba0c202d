import {createHash} from 'node:crypto';
import {readFileSync} from 'node:fs';
import {createServer, type IncomingMessage, type ServerResponse} from 'node:http';
import type {AddressInfo} from 'node:net';
import {onTestFinished} from 'vitest';

export const COMMIT = '0123456789abcdef0123456789abcdef01234567';

export interface Hub {
  readonly endpoint: string;
  /** "GET /path range" of every request. */
  readonly requests: string[];
  /** What goes wrong from now on. */
  fault: 'none' | 'cut' | 'damaged' | 'ignores ranges' | 401 | 404 | 500;
}

/** A stand-in for the hub on loopback, in the shapes that huggingface.co answers with: one model, `org/tiny`. */
export async function hubServer(files: Record<string, string>): Promise<Hub> {
  const contents = new Map(Object.entries(files).map(([name, path]) => [name, readFileSync(path)]));
  const hub = {requests: [] as string[], fault: 'none' as Hub['fault'], endpoint: ''};

  const json = (response: ServerResponse, status: number, body: unknown) =>
    response.writeHead(status, {'content-type': 'application/json'}).end(JSON.stringify(body));

  const sendFile = (request: IncomingMessage, response: ServerResponse, name: string) => {
    const whole = Buffer.from(contents.get(name)!);
    const range =
      hub.fault === 'ignores ranges' ? null : /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '');
    const [begin, end] = range ? [Number(range[1]), Number(range[2]) + 1] : [0, whole.byteLength];
    if (hub.fault === 'damaged') whole[whole.byteLength - 1]! ^= 1;
    const body = whole.subarray(begin, end);
    response.writeHead(range ? 206 : 200, {
      etag: '"etag"',
      'content-length': body.byteLength,
      'content-range': `bytes ${begin}-${end - 1}/${whole.byteLength}`,
    });
    if (hub.fault !== 'cut' || body.byteLength <= 4000) return response.end(body);
    return response.write(body.subarray(0, 4000), () => setTimeout(() => response.destroy(), 50));
  };

  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url!.split('?')[0]!);
    hub.requests.push([request.method, path, request.headers.range].filter(Boolean).join(' '));
    if (typeof hub.fault === 'number') return json(response, hub.fault, {error: 'no'});
    if (path.startsWith('/api/models/org/tiny/revision/'))
      return json(response, 200, {
        _id: '1',
        id: 'org/tiny',
        sha: COMMIT,
        private: false,
        lastModified: '2024-01-01',
      });
    if (path === `/api/models/org/tiny/tree/${COMMIT}`)
      return json(
        response,
        200,
        [...contents].map(([name, data]) => entryOf(name, data)),
      );
    const name = path.replace(`/org/tiny/resolve/${COMMIT}/`, '');
    if (contents.has(name)) return sendFile(request, response, name);
    return json(response, 404, {error: 'not found'});
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  hub.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return hub;
}

function entryOf(path: string, data: Buffer) {
  const oid = createHash('sha1').update(`blob ${data.byteLength}\0`).update(data).digest('hex');
  const sha256 = createHash('sha256').update(data).digest('hex');
  const large = path.endsWith('.safetensors') || path.endsWith('.bin');
  const lfs = large && {lfs: {oid: sha256, size: data.byteLength, pointerSize: 130}};
  return {type: 'file', path, size: data.byteLength, oid, ...lfs};
}
