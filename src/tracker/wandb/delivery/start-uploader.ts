import {fork, type ChildProcess} from 'node:child_process';
import {closeSync, openSync, readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {join} from 'node:path';
import {defaultTiming, type Timing} from '../protocol/timing.js';
import {wordsFile, type UploaderMessage, type UploaderTask} from './uploader.js';

/** An uploading process that died is started again this many times a run: it goes on where the server stands. */
const restarts = 20;

export interface Uploader {
  /** Resolves when the upload is done or has failed, or after `ms`; the run's state says what is owed then. */
  wait(ms: number): Promise<void>;
}

export interface StartUploaderOptions {
  folder: string;
  apiKey: string;
  timing?: Partial<Timing>;
  /** The uploader's program; the package's own by default. */
  entry?: string;
  onMessage: (message: UploaderMessage) => void;
}

/**
 * Starts the uploading process of a run. It never keeps the training process alive, nothing it does can throw here,
 * and when the training dies it delivers what the journal holds and ends by itself.
 */
export function startUploader({
  folder,
  apiKey,
  timing = {},
  entry,
  onMessage,
}: StartUploaderOptions): Uploader {
  const program = entry ?? createRequire(import.meta.url).resolve('#uploader');
  const {retryFirstMs} = {...defaultTiming, ...timing};
  const words = join(folder, wordsFile);
  let child: ChildProcess | undefined;
  let result: 'done' | 'failed' | null = null;
  let left = restarts;
  const waiting = new Set<() => void>();

  function settle(outcome: 'done' | 'failed'): void {
    result ??= outcome;
    waiting.forEach(resolve => resolve());
  }

  /** The line of the last words that says what went wrong. */
  function cause(): string {
    try {
      const lines = readFileSync(words, 'utf8').split('\n');
      return (lines.find(line => /^\w*Error\b/.test(line)) ?? lines.find(line => line !== '') ?? '').trim();
    } catch {
      return '';
    }
  }

  function start(): void {
    const task: UploaderTask = {folder, timing, writer: process.pid};
    const stderr = openWords(words);
    child = fork(program, [JSON.stringify(task)], {
      detached: true,
      stdio: ['ignore', 'ignore', stderr ?? 'ignore', 'ipc'],
      env: {...process.env, WANDB_API_KEY: apiKey},
      execArgv: [],
    });
    if (stderr !== null) closeSync(stderr);
    child.on('message', (message: UploaderMessage) => {
      onMessage(message);
      if (message.type === 'done' || message.type === 'failed') settle(message.type);
    });
    child.on('error', error => {
      onMessage({
        type: 'notice',
        level: 'warning',
        message: `the W&B uploader did not start: ${error.message}`,
      });
      settle('failed');
    });
    child.on('exit', (code, signal) => {
      if (result !== null) return;
      if (left-- <= 0) {
        const why = cause();
        onMessage({
          type: 'failed',
          message:
            `the W&B uploader ended ${restarts + 1} times, last with ${signal ?? `code ${code}`}` +
            `${why === '' ? '' : ` (${why})`}; what is missing: \`wandb-invariance sync ${folder}\``,
        });
        return settle('failed');
      }
      setTimeout(start, retryFirstMs).unref();
    });
    child.unref();
    child.channel?.unref();
  }

  start();
  return {
    async wait(ms) {
      if (result !== null) return;
      await new Promise<void>(resolve => {
        // The process has nothing else to live for while it waits: the timer holds it.
        const timer = setTimeout(resolve, ms);
        waiting.add(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    },
  };
}

function openWords(path: string): number | null {
  try {
    return openSync(path, 'w');
  } catch {
    // A disk that is full: the upload can do without.
    return null;
  }
}
