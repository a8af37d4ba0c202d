import {readdirSync, readFileSync} from 'node:fs';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join, relative, resolve} from 'node:path';
import {fileURLToPath} from 'node:url';
import {expect, it} from 'vitest';
import {run} from './run.js';

/** Every file of code that a command loads, as V8 itself tells: packages by their name, files of ours by their place in `dist`. */
async function loaded(args: readonly string[]): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'start-up-'));
  const {code} = await run(args, {NODE_V8_COVERAGE: folder});
  expect([args, code]).toEqual([args, 0]);
  const urls = readdirSync(folder).flatMap(name => {
    const {result} = JSON.parse(readFileSync(join(folder, name), 'utf8')) as {result: {url: string}[]};
    return result.map(({url}) => url);
  });
  await rm(folder, {recursive: true});
  const files = urls.filter(url => url.startsWith('file:')).map(url => fileURLToPath(url));
  return files.map(
    file => /.*node_modules\/((@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? relative(resolve('dist'), file),
  );
}

/** What the command line may load before it knows what to do: of packages commander alone, and of ours no room but two. */
const light = /^(commander|cli\/.*\.js|terminal\/.*\.js|(errors|runs-folder|divergence)\.js)$/;

it('says version and help without the libraries and rooms that only the work needs', async () => {
  const {stdout: help} = await run(['--help']);
  const commands = [...help.split('Commands:')[1]!.matchAll(/^ {2}(\w+) /gm)].map(([, name]) => name!);
  expect(commands).toEqual(expect.arrayContaining(['demo', 'measure', 'watch', 'serve', 'doctor']));
  const calls = [['--version'], ['--help'], ...commands.map(name => [name, '--help'])];
  for (const args of calls) {
    const files = await loaded(args);
    expect(files).toEqual(expect.arrayContaining(['cli/main.js', 'commander']));
    expect([args, files.filter(file => !light.test(file))]).toEqual([args, []]);
  }
});
