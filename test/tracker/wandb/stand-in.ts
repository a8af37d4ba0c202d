import type {Server} from 'node:http';
import {serve, type HttpBindings} from '@hono/node-server';
import {Hono, type Context} from 'hono';
import {parseLoose, Store, type StoredArtifact, type StoredRun} from './stand-in-store.js';

/** A request as faults see it. */
export interface Seen {
  /** `graphql`, `stream`, `file` or `artifact`. */
  kind: 'graphql' | 'stream' | 'file';
  /** Name of the GraphQL operation, path of anything else. */
  name: string;
  method: string;
  headers: Record<string, string | undefined>;
  bytes: number;
  body: Buffer;
}

/** What may go wrong with one request. */
export type Fault =
  | {kind: 'hang'}
  | {kind: 'slow'; ms: number}
  | {kind: 'status'; status: number; retryAfter?: string; body?: string}
  /** The connection is cut, before or after the request took effect. */
  | {kind: 'reset'; after: boolean}
  /** The request took effect, and half of the answer comes. */
  | {kind: 'half'}
  /** The answer is as if it had taken effect. */
  | {kind: 'swallow'}
  /** GraphQL: 200 with errors and no data. */
  | {kind: 'errors'; message: string}
  /** The server's last lines are gone, as after a restart from yesterday's copy. */
  | {kind: 'forget'; lines: number};

export interface StandInOptions {
  store?: Store;
  /** The keys it accepts; any by default. */
  keys?: string[];
  port?: number;
  /** Where uploads go; to this server by default. */
  storage?: string;
  /** Asked for each request; null lets it through. */
  fault?: (seen: Seen) => Fault | null;
}

/** W&B takes no larger request; storage does. */
const mostBytes = 10 * 1024 * 1024;

type Bindings = {Bindings: HttpBindings};

/**
 * A W&B server on loopback, as far as a run needs one: GraphQL by operation name, the file stream with offsets,
 * uploads and artifacts. A stream offset behind the last line is refused, a lower one overwrites, as W&B does.
 */
export class StandIn {
  readonly store: Store;
  readonly requests: Seen[] = [];
  fault: (seen: Seen) => Fault | null;
  readonly #keys: string[] | undefined;
  readonly #storage: string | undefined;
  #server: Server | undefined;
  #port: number;

  constructor({store = new Store(), keys, port = 0, storage, fault = () => null}: StandInOptions = {}) {
    this.#storage = storage;
    this.store = store;
    this.fault = fault;
    this.#keys = keys;
    this.#port = port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Opens the port: the same one again after `down`. */
  async up(): Promise<this> {
    const app = this.#app();
    await new Promise<void>(resolve => {
      this.#server = serve(
        {fetch: app.fetch, port: this.#port, hostname: '127.0.0.1', overrideGlobalObjects: false},
        info => {
          this.#port = info.port;
          resolve();
        },
      ) as Server;
    });
    return this;
  }

  /** Closes the port and cuts every connection; what is stored stays. */
  async down(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    server.closeAllConnections();
    await new Promise(resolve => server.close(resolve));
  }

  /** Lets `count` faults happen to the requests that match, then none. */
  faultTimes(count: number, fault: Fault, matches: (seen: Seen) => boolean = () => true): void {
    let left = count;
    this.fault = seen => (left > 0 && matches(seen) ? (left--, fault) : null);
  }

  #app(): Hono<Bindings> {
    const app = new Hono<Bindings>();
    app.post('/graphql', context =>
      this.#answer(context, 'graphql', body => {
        const {query, variables, operationName} = JSON.parse(body.toString()) as {
          query: string;
          variables: Record<string, unknown>;
          operationName?: string;
        };
        const name = operationName ?? /\b(?:query|mutation)\s+(\w+)/.exec(query)?.[1] ?? '';
        return {
          name,
          run: () => graphql(this.store, this.#storage ?? this.url, name, variables ?? {}, query),
        };
      }),
    );
    app.post('/files/:entity/:project/:run/file_stream', context => {
      const {entity, project, run} = context.req.param();
      return this.#answer(context, 'stream', body => ({
        name: `${entity}/${project}/${run}`,
        run: () => stream(this.store, entity, project, run, JSON.parse(body.toString()) as StreamBody),
      }));
    });
    app.put('/storage/*', context =>
      this.#answer(context, 'file', body => {
        const path = decodeURIComponent(new URL(context.req.url).pathname.slice('/storage/'.length));
        return {
          name: path,
          run: () => {
            this.store.blobs.set(path, body);
            const [entity, project, run, ...name] = path.split('/');
            this.store.run(entity!, project!, run!)?.files.add(name.join('/'));
            return {status: 200, body: {}};
          },
        };
      }),
    );
    app.get('/storage/*', context => {
      const path = decodeURIComponent(new URL(context.req.url).pathname.slice('/storage/'.length));
      const blob = this.store.blobs.get(path);
      return blob === undefined ? context.notFound() : context.body(new Uint8Array(blob));
    });
    return app;
  }

  async #answer(
    context: Context<Bindings>,
    kind: Seen['kind'],
    operation: (body: Buffer) => {name: string; run: () => Reply},
  ): Promise<Response> {
    const body = Buffer.from(await context.req.arrayBuffer());
    const {name, run} = operation(body);
    const headers = context.req.header();
    const seen: Seen = {kind, name, method: context.req.method, headers, bytes: body.length, body};
    this.requests.push(seen);
    const {incoming, outgoing} = context.env;
    const fault = this.fault(seen);
    switch (fault?.kind) {
      case 'hang':
        await new Promise(resolve => outgoing.once('close', resolve));
        return context.body(null);
      case 'slow':
        await new Promise(resolve => setTimeout(resolve, fault.ms));
        break;
      case 'status':
        return new Response(fault.body ?? JSON.stringify({error: `injected ${fault.status}`}), {
          status: fault.status,
          headers: {
            'content-type': 'application/json',
            ...(fault.retryAfter === undefined ? {} : {'retry-after': fault.retryAfter}),
          },
        });
      case 'swallow':
        return context.json({exitcode: null, limits: {}});
      case 'errors':
        return context.json({errors: [{message: fault.message}], data: null});
      case 'reset':
        if (fault.after) run();
        incoming.socket.destroy();
        return context.body(null);
      case 'half': {
        const text = JSON.stringify(run().body);
        outgoing.writeHead(200, {'content-type': 'application/json', 'content-length': text.length + 10});
        outgoing.write(text.slice(0, text.length / 2), () => incoming.socket.destroy());
        await new Promise(resolve => outgoing.once('close', resolve));
        return new Response(null, {headers: {'x-hono-already-sent': 'true'}});
      }
      case 'forget':
        for (const stored of this.store.runs.values()) {
          stored.history.splice(Math.max(0, stored.history.length - fault.lines));
        }
        break;
      case undefined:
    }
    if (this.#keys) {
      const key = Buffer.from(headers.authorization?.replace('Basic ', '') ?? '', 'base64')
        .toString()
        .slice(4);
      if (kind !== 'file' && !this.#keys.includes(key)) return context.json({error: 'unauthorized'}, 401);
    }
    if (kind !== 'file' && body.length > mostBytes) return context.json({error: 'too large'}, 413);
    const reply = run();
    return context.json(reply.body as object, reply.status as 200);
  }
}

interface Reply {
  status: number;
  body: unknown;
}

interface StreamBody {
  files?: Record<string, {offset: number; content: string[]}>;
  uploaded?: string[];
  complete?: boolean;
  exitcode?: number;
}

function stream(store: Store, entity: string, project: string, name: string, body: StreamBody): Reply {
  const run = store.run(entity, project, name);
  if (run === undefined) return {status: 404, body: {error: `run ${name} not found`}};
  const history = body.files?.['wandb-history.jsonl'];
  if (history) {
    if (history.offset > run.history.length) {
      return {status: 400, body: {error: `offset ${history.offset} is behind line ${run.history.length}`}};
    }
    history.content.forEach((line, i) => {
      const at = history.offset + i;
      const old = run.history[at];
      if (old !== undefined && old !== line) run.overwritten.push({line: at, old, new: line});
      run.history[at] = line;
    });
  }
  const summary = body.files?.['wandb-summary.json'];
  if (summary) run.summary = parseLoose(summary.content.at(-1)!);
  for (const file of body.uploaded ?? []) run.uploaded.push(file);
  // Any other post is a sign of life.
  if (body.complete === undefined) run.state = 'running';
  else {
    run.exitcode = body.exitcode ?? null;
    run.state = body.exitcode === 0 ? 'finished' : body.exitcode === 255 ? 'killed' : 'failed';
  }
  return {status: 200, body: {exitcode: null, limits: {}}};
}

/** How far a GraphQL answer of ours goes: what the clients ask for, by operation name. */
function graphql(
  store: Store,
  url: string,
  name: string,
  variables: Record<string, unknown>,
  query: string,
): Reply {
  const text = (key: string): string | null => (variables[key] as string | undefined) ?? null;
  const data = (body: unknown): Reply => ({status: 200, body: {data: body}});
  const entity = text('entity') || text('entityName') || 'ada';
  const project = text('project') || text('projectName') || 'uncategorized';
  switch (name) {
    case 'Viewer':
      return data({
        viewer: {
          id: 'VmlldzE=',
          entity: 'ada',
          username: 'ada',
          flags: '{}',
          teams: {edges: [{node: {name: 'ada'}}]},
        },
      });
    case 'UpsertBucket': {
      // By its own id a run is changed; by its name it is opened.
      const changed = [...store.runs.values()].find(run => run.id === text('id'));
      const id = text('name') ?? changed?.name;
      if (id === undefined) return {status: 404, body: {errors: [{message: 'no such bucket'}]}};
      if (store.deleted.has(id)) {
        return {status: 409, body: {errors: [{message: `run ${id} was previously created and deleted`}]}};
      }
      const key = changed ? `${changed.entity}/${changed.project}/${id}` : `${entity}/${project}/${id}`;
      const old = store.runs.get(key);
      const run: StoredRun = old ?? {
        id: Buffer.from(key).toString('base64'),
        entity,
        project,
        name: id,
        displayName: null,
        config: {},
        tags: [],
        notes: null,
        group: null,
        jobType: null,
        commit: null,
        host: null,
        program: null,
        history: [],
        overwritten: [],
        summary: {},
        state: 'running',
        exitcode: null,
        files: new Set(),
        uploaded: [],
      };
      store.runs.set(key, run);
      if (!changed) run.state = 'running';
      run.displayName = text('displayName') ?? run.displayName ?? `brave-owl-${store.runs.size}`;
      if (text('config') !== null) run.config = JSON.parse(text('config')!) as StoredRun['config'];
      if (variables.tags) run.tags = variables.tags as string[];
      run.notes = text('notes') ?? run.notes;
      run.group = text('groupName') ?? run.group;
      run.jobType = text('jobType') ?? run.jobType;
      run.commit = text('commit') ?? run.commit;
      run.host = text('host') ?? run.host;
      run.program = text('program') ?? run.program;
      return data({
        upsertBucket: {
          bucket: {
            id: run.id,
            name: id,
            displayName: run.displayName,
            description: null,
            config: JSON.stringify(run.config),
            sweepName: null,
            project: {id: 'UHJvamVjdA==', name: project, entity: {id: 'RW50aXR5', name: entity}},
            historyLineCount: run.history.length,
          },
          inserted: old === undefined,
        },
      });
    }
    case 'RunResumeStatus': {
      const run = store.run(entity, project, text('name')!);
      if (store.deleted.has(text('name')!)) return data({model: null});
      return data({
        model: {
          id: 'UHJvamVjdA==',
          name: project,
          entity: {id: 'RW50aXR5', name: entity},
          bucket: run
            ? {
                id: run.id,
                name: run.name,
                displayName: run.displayName,
                summaryMetrics: JSON.stringify(run.summary),
                logLineCount: 0,
                historyLineCount: run.history.length,
                eventsLineCount: 0,
                historyTail: JSON.stringify(run.history.slice(-1)),
                eventsTail: '[]',
                config: JSON.stringify(run.config),
                tags: run.tags,
                notes: run.notes,
                wandbConfig: '{"t": 1}',
              }
            : null,
        },
      });
    }
    case 'HistoryPage': {
      const run = store.run(entity, project, text('run')!);
      const lines = run?.history.filter(line => {
        const step = (JSON.parse(line) as {_step: number})._step;
        return step >= Number(variables.minStep) && step < Number(variables.maxStep);
      });
      return data({project: {run: run ? {history: lines} : null}});
    }
    case 'RunState': {
      const run = store.run(entity, project, text('run')!);
      return data({project: {run: run ? {state: run.state} : null}});
    }
    case 'CreateRunFiles':
      return data({
        createRunFiles: {
          runID: store.run(entity, project, text('run')!)?.id ?? '',
          uploadHeaders: [],
          files: (variables.files as string[]).map(file => ({
            name: file,
            uploadUrl: `${url}/storage/${encodeURIComponent(`${entity}/${project}/${text('run')!}/${file}`)}`,
          })),
        },
      });
    case 'MarkRunFilesUploaded':
      return data({markRunFilesUploaded: {success: true}});
    case 'NotifyScriptableRunAlert':
      store.alerts.push(variables);
      return data({notifyScriptableRunAlert: {success: true}});
    case 'CreateArtifact': {
      const input = variables.input as Record<string, unknown>;
      let artifact = store.artifacts.find(
        other =>
          other.input.digest === input.digest &&
          other.input.artifactCollectionName === input.artifactCollectionName,
      );
      if (artifact === undefined) {
        const id = `artifact-${store.artifacts.length}`;
        artifact = {id, input, state: 'PENDING', aliases: new Set(), manifest: null};
        store.artifacts.push(artifact);
        store.alias(artifact, input.aliases as {alias: string}[]);
      }
      return data({
        createArtifact: {
          artifact: {id: artifact.id, state: artifact.state, artifactSequence: {latestArtifact: null}},
        },
      });
    }
    case 'CreateArtifactManifest':
    case 'UpdateArtifactManifest': {
      const id = text('artifactID') ?? text('artifactManifestID')!.replace('manifest-', '');
      const upload = `${url}/storage/${encodeURIComponent(`manifests/${id}`)}`;
      const field = name === 'CreateArtifactManifest' ? 'createArtifactManifest' : 'updateArtifactManifest';
      return data({
        [field]: {
          artifactManifest: {
            id: `manifest-${id}`,
            file: {
              id: `file-${id}`,
              ...(variables.includeUpload ? {uploadUrl: upload, uploadHeaders: []} : {}),
            },
          },
        },
      });
    }
    case 'CreateArtifactFiles': {
      const {artifactFiles} = variables.input as {
        artifactFiles: {artifactID: string; name: string; md5: string}[];
      };
      return data({
        createArtifactFiles: {
          files: {
            edges: artifactFiles.map(({artifactID, name: file, md5}) => ({
              node: {
                storagePath: `wandb_artifacts/${md5}/${file}`,
                uploadUrl: `${url}/storage/${encodeURIComponent(`artifacts/${artifactID}/${file}`)}`,
                uploadHeaders: [],
                uploadMultipartUrls: null,
                artifact: {id: artifactID},
              },
            })),
          },
        },
      });
    }
    case 'AddAliases': {
      const {artifactID, aliases} = variables.input as {artifactID: string; aliases: {alias: string}[]};
      store.alias(
        store.artifacts.find(({id}) => id === artifactID)!,
        aliases,
      );
      return data({addAliases: {success: true}});
    }
    case 'CommitArtifact': {
      const artifact = store.artifacts.find(({id}) => id === text('artifactID')) as StoredArtifact;
      artifact.state = 'COMMITTED';
      artifact.manifest = store.blobs.get(`manifests/${artifact.id}`)?.toString() ?? null;
      return data({commitArtifact: {artifact: {id: artifact.id, digest: artifact.input.digest}}});
    }
    default:
      return graphqlOfOthers(name, query);
  }
}

/** What only the official Python client asks for. */
function graphqlOfOthers(name: string, query: string): Reply {
  if (/__type|__schema/.test(query)) return {status: 200, body: {data: {}}};
  if (name === 'ServerFeaturesQuery') return {status: 200, body: {data: {serverInfo: {features: []}}}};
  return {status: 200, body: {data: {serverInfo: null, project: null, entity: null, viewer: null}}};
}
