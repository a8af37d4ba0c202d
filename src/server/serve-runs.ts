import {serve} from '@hono/node-server';
import {Hono} from 'hono';
import {HTTPException} from 'hono/http-exception';
import {InvarianceError} from '../errors.js';
import {createApi} from './api.js';
import {createPage} from './page.js';

export interface RunServer {
  /** As http://127.0.0.1:4173 */
  url: string;
  close(): Promise<void>;
}

/** The pages and the JSON of a folder of runs, as one application. */
function createApp({folder, host}: {folder: string; host: string}): Hono {
  const app = new Hono();
  // A web page elsewhere may point its own name at this address; it must not read the runs through a browser.
  const loopback = ['localhost', '127.0.0.1', '[::1]', '::1'];
  app.use(async (c, next) => {
    const name = new URL(c.req.url).hostname;
    if (loopback.includes(host) && !loopback.includes(name))
      throw new HTTPException(403, {message: `this server does not answer for ${name}`});
    await next();
  });
  app.route('/api', createApi(folder));
  app.route('/', createPage(folder));
  return app;
}

/**
 * Serves the runs of a folder, read-only.
 * @throws InvarianceError `io_failed` where the port is taken.
 */
export async function serveRuns({
  folder,
  host,
  port,
}: {
  folder: string;
  /** Address to listen on; on one of this machine only, no other name is answered for. */
  host: string;
  /** 0 takes a free one. */
  port: number;
}): Promise<RunServer> {
  const app = createApp({folder, host});
  return new Promise((resolve, reject) => {
    // In an address IPv6 stands in brackets.
    const name = host.includes(':') ? `[${host}]` : host;
    const server = serve({fetch: app.fetch, hostname: host, port}, ({port}) => {
      const close = (): Promise<void> =>
        new Promise(closed => {
          server.close(() => closed());
          if ('closeAllConnections' in server) server.closeAllConnections();
        });
      resolve({url: `http://${name}:${port}`, close});
    });
    server.on('error', (cause: NodeJS.ErrnoException) => {
      const taken = cause.code === 'EADDRINUSE';
      const message = taken
        ? `port ${port} is taken: choose another with --port`
        : `cannot serve: ${cause.message}`;
      reject(new InvarianceError('io_failed', message, {cause}));
    });
  });
}
