import type {ReadStream} from 'node:tty';

/** The prompt gives up after this long, in milliseconds: nobody may be there. */
const askMs = 60_000;

const keys = {interrupt: '\u0003', end: '\u0004', backspace: ['\b', '\u007f'], enter: ['\r', '\n']};

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
  let typed = '';
  let end: (key: string) => void = () => {};
  const answer = new Promise<string>(resolve => (end = resolve));
  const timer = setTimeout(() => finish(''), ms).unref();

  function finish(key: string): void {
    clearTimeout(timer);
    input.off('data', onData);
    input.setRawMode(false);
    input.pause();
    output.write('\n');
    end(key);
  }

  function onData(data: Buffer | string): void {
    for (const letter of String(data)) {
      if (letter === keys.interrupt) {
        finish('');
        process.kill(process.pid, 'SIGINT');
        return;
      }
      if (letter === keys.end || keys.enter.includes(letter)) return finish(typed.trim());
      typed = keys.backspace.includes(letter) ? typed.slice(0, -1) : typed + letter;
    }
  }

  // Without raw mode the terminal shows what is typed.
  input.setRawMode(true);
  input.on('data', onData);
  input.resume();
  input.unref();
  let open = true;
  void answer.then(() => (open = false));
  return {answer, cancel: () => open && finish('')};
}
