import {spawn} from 'node:child_process';
import {setTimeout as sleep} from 'node:timers/promises';

export interface Ended {
  /** Null where a signal ended it. */
  code: number | null;
  stdout: string;
  stderr: string;
}

/** A command that goes on. */
export interface Started {
  /** Returns once this stands on standard error; throws where the command ends without. */
  says(pattern: RegExp): Promise<void>;
  signal(name: NodeJS.Signals): void;
  ended: Promise<Ended>;
}

/** The command line as it ships; runs in this folder with the environment given on top of a bare one. */
export function start(args: readonly string[], environment: Record<string, string> = {}): Started {
  const child = spawn(process.execPath, ['dist/cli/main.js', ...args], {
    env: {PATH: process.env.PATH, HOME: process.env.HOME, ...environment},
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = {stdout: '', stderr: ''};
  let over = false;
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => (said[name] += text));
  const ended = new Promise<Ended>(settle =>
    child.on('close', code => {
      over = true;
      settle({code, ...said});
    }),
  );
  return {
    async says(pattern) {
      while (!pattern.test(said.stderr)) {
        if (over) throw new Error(`ended without ${pattern}: ${said.stderr}`);
        await sleep(20);
      }
    },
    signal: name => child.kill(name),
    ended,
  };
}

export function run(args: readonly string[], environment: Record<string, string> = {}): Promise<Ended> {
  return start(args, environment).ended;
}
