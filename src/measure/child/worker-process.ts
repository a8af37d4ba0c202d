import {fork, type ChildProcess} from 'node:child_process';
import {createRequire} from 'node:module';
import {InvarianceError} from '../../errors.js';
import type {Command, MeasurerSpec, Report} from './messages.js';
import type {Progress} from '../progress.js';

/** Attempts at one request: when a process dies over it, a second one gets it. */
const ATTEMPTS = 2;
/** Characters of a dead process's standard error that are kept. */
const LAST_WORDS = 4000;

type Request = Exclude<Command, {type: 'open'}>;
type Unsent<T> = T extends Request ? Omit<T, 'id'> : never;

interface Pending {
  request: Request;
  attempts: number;
  resolve: (value: unknown) => void;
  reject: (error: Error) => void;
}

export interface WorkerProcessOptions {
  onProgress: (progress: Progress) => void;
  onNotice: (code: string, message: string) => void;
}

/**
 * A child process that takes requests in order. It is started at the first request, and again when it died over one;
 * it keeps this process alive only while a request is open, and ends when this process ends, however that happens.
 */
export class WorkerProcess {
  private child: ChildProcess | null = null;
  private readonly pending = new Map<number, Pending>();
  private lastId = 0;
  private closed = false;

  constructor(
    private readonly spec: MeasurerSpec,
    private readonly options: WorkerProcessOptions,
  ) {}

  /** Id of the running process, for tests and debugging. */
  get pid(): number | undefined {
    return this.child?.pid;
  }

  request<T>(unsent: Unsent<Request>): Promise<T> {
    if (this.closed) return Promise.reject(new InvarianceError('engine_failed', 'measuring was closed'));
    const request = {...unsent, id: ++this.lastId};
    return new Promise<T>((resolve, reject) => {
      const entry: Pending = {request, attempts: 0, resolve: value => resolve(value as T), reject};
      this.pending.set(request.id, entry);
      if (this.child) this.send(entry);
      else this.start();
      this.hold();
    });
  }

  async close(): Promise<void> {
    this.closed = true;
    for (const {reject} of this.pending.values())
      reject(new InvarianceError('engine_failed', 'measuring was closed before it was done'));
    this.pending.clear();
    const {child} = this;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    await new Promise<void>(resolve => {
      child.once('exit', () => resolve());
      child.ref();
      child.kill('SIGKILL');
    });
  }

  private start(): void {
    const worker = createRequire(import.meta.url).resolve('#worker');
    const child = fork(worker, {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: [],
    });
    this.child = child;
    let said = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-LAST_WORDS);
    });
    child.on('message', report => this.receive(report as Report));
    child.on('error', () => {});
    child.on('close', (code, signal) => this.ended(child, signal ?? `exit code ${code}`, said));
    child.send({type: 'open', spec: this.spec} satisfies Command, () => {});
    for (const entry of this.pending.values()) this.send(entry);
    this.hold();
  }

  private send(entry: Pending): void {
    this.child!.send(entry.request, () => {});
  }

  private receive(report: Report): void {
    switch (report.type) {
      case 'progress':
        return this.options.onProgress(report.progress);
      case 'notice':
        return this.options.onNotice(report.code, report.message);
      case 'done':
      case 'failed': {
        const entry = this.pending.get(report.id);
        this.pending.delete(report.id);
        this.hold();
        if (report.type === 'done') return entry?.resolve(report.value);
        return entry?.reject(new InvarianceError(report.code, report.message, {cause: report.stack}));
      }
    }
  }

  /** Requests are answered in order, so the first one open is the one it died over. */
  private ended(child: ChildProcess, how: string, said: string): void {
    if (this.child !== child) return;
    this.child = null;
    const [inWork] = this.pending.values();
    if (this.closed || !inWork) return;
    const line = tellingLine(said);
    const cause = `the measuring process died (${how})${line && `; its last words: ${line}`}`;
    if (++inWork.attempts >= ATTEMPTS) {
      this.pending.delete(inWork.request.id);
      const message = `${cause}; it was tried ${ATTEMPTS} times`;
      inWork.reject(new InvarianceError('engine_failed', message, {cause: said}));
    } else {
      this.options.onNotice('measuring_restarted', `${cause}; it is started again`);
    }
    if (this.pending.size > 0) this.start();
  }

  /** An open request keeps this process alive, an idle child does not. */
  private hold(): void {
    const {child} = this;
    if (!child) return;
    const stderr = child.stderr as unknown as {ref(): void; unref(): void};
    for (const handle of [child, child.channel, stderr])
      if (this.pending.size > 0) handle?.ref();
      else handle?.unref();
  }
}

/** The line of a dead process's last words that says why; stacks and versions come after it. */
function tellingLine(said: string): string {
  const lines = said.split('\n').filter(line => line.trim() !== '');
  return (lines.find(line => /error|fatal|abort|memory/i.test(line)) ?? lines.at(-1) ?? '').trim();
}
