import {execFile} from 'node:child_process';

/** The command line as it ships; runs in this folder with the environment given on top of a bare one. */
export function run(
  args: readonly string[],
  environment: Record<string, string> = {},
): Promise<{code: number; stdout: string; stderr: string}> {
  return new Promise(settle => {
    execFile(
      process.execPath,
      ['dist/cli/main.js', ...args],
      {env: {PATH: process.env.PATH, HOME: process.env.HOME, ...environment}, maxBuffer: 2 ** 26},
      (error, stdout, stderr) => settle({code: error ? Number(error.code) : 0, stdout, stderr}),
    );
  });
}
