import {execFileSync} from 'node:child_process';
import {readdirSync, statSync} from 'node:fs';
import {join} from 'node:path';

function newest(path: string): number {
  return readdirSync(path, {recursive: true, encoding: 'utf8'})
    .map(name => statSync(join(path, name)).mtimeMs)
    .reduce((a, b) => Math.max(a, b), 0);
}

/** Child processes and the command line are tested as they ship: from `dist`, built here when `src` is newer. */
export default function setup(): void {
  const built = statSync('dist/cli/main.js', {throwIfNoEntry: false})?.mtimeMs ?? 0;
  if (built > newest('src')) return;
  execFileSync('npx', ['rollup', '-c', '--silent'], {stdio: 'inherit'});
}
