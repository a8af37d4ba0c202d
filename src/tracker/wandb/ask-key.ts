import {createInterface} from 'node:readline';
import {Writable} from 'node:stream';
import type {ReadStream} from 'node:tty';

/** The prompt gives up after this long, in milliseconds: nobody may be there. */
const askMs = 60_000;

/** A key that may still be typed. */
export interface AskedKey {
  /** Empty where none was given. */
  answer: Promise<string>;
  /** Takes the prompt away. */
  cancel: () => void;
}

/**
 * Asks for an API key on the terminal. What is typed is not shown, the prompt does not keep the process alive, and Ctrl-C
 * ends the process as it does everywhere else.
 */
export function askOnTerminal(
  baseUrl: string,
  {
    input = process.stdin,
    output = process.stderr,
    ms = askMs,
  }: {input?: ReadStream; output?: NodeJS.WritableStream; ms?: number} = {},
): AskedKey {
  const page = `${baseUrl.replace('//api.wandb', '//wandb')}/authorize`;
  output.write(`wandb-invariance: W&B API key from ${page} (not shown; empty: offline): `);
  // A terminal to readline, which then shows the key to nobody and keeps it in no history.
  const nowhere = new Writable({write: (_chunk, _encoding, done) => done()});
  const line = createInterface({input, output: nowhere, terminal: true, historySize: 0});
  const timer = setTimeout(() => line.close(), ms).unref();
  input.unref();

  const answer = new Promise<string>(resolve => {
    let key = '';
    line.once('line', typed => {
      key = typed.trim();
      line.close();
    });
    line.once('SIGINT', () => {
      line.close();
      process.kill(process.pid, 'SIGINT');
    });
    line.once('close', () => {
      clearTimeout(timer);
      output.write('\n');
      resolve(key);
    });
  });
  return {answer, cancel: () => line.close()};
}
