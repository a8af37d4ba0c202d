import {spawn} from 'node:child_process';
import {python} from '../../python.js';

/** Runs the official client against a server; what it prints. */
export function runPython(args: string[], {baseUrl, home}: {baseUrl: string; home: string}): Promise<string> {
  const child = spawn(python, args, {
    env: {
      PATH: process.env.PATH,
      HOME: home,
      WANDB_BASE_URL: baseUrl,
      WANDB_API_KEY: 'k'.repeat(40),
      WANDB_SILENT: 'true',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', chunk => (output += String(chunk)));
  child.stderr.on('data', chunk => (output += String(chunk)));
  return new Promise((resolve, reject) => {
    child.on('exit', code =>
      code === 0 ? resolve(output) : reject(new Error(`python ended with ${code}: ${output}`)),
    );
  });
}
