import {spawn, spawnSync, type ChildProcess} from 'node:child_process';
import {once} from 'node:events';
import fs, {mkdirSync, mkdtempSync, readdirSync, readFileSync, utimesSync, writeFileSync} from 'node:fs';
import {syncBuiltinESMExports} from 'node:module';
import {hostname, tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import {afterEach, beforeEach, describe, expect, it} from 'vitest';
import {takeLock, thisProcess, type Lock} from '../../src/disk/index.js';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lock-'));
  path = join(folder, 'a.lock');
});

/** A lock that another process left, last refreshed some seconds ago. */
function left(holder: object | string, secondsAgo: number): void {
  writeFileSync(path, typeof holder === 'string' ? holder : JSON.stringify(holder));
  const at = new Date(Date.now() - secondsAgo * 1000);
  utimesSync(path, at, at);
}

const nobody = 2 ** 22 + 1;
const here = thisProcess();
const elsewhere = {pid: 7, host: 'pod-1'};
type Left = [who: string, holder: object | string, secondsAgo: number];
const isLinux = process.platform === 'linux';

/** A process that takes the lock each time it is told to, and says what became of it. */
const contender = `import {takeLock} from ${JSON.stringify(resolve('dist/disk/lock-file.js'))};
  let lock;
  process.on('message', ({path, at}) => {
    if (path === null) return lock.release?.(), process.send('released');
    while (Date.now() < at);
    lock = takeLock(path);
    process.send(lock.status);
  });
  process.send('ready');`;
const running: ChildProcess[] = [];

async function contend(...wrapper: string[]): Promise<ChildProcess> {
  const [command, ...args] = [...wrapper, process.execPath, '--input-type=module', '-e', contender];
  const child = spawn(command, args, {stdio: ['ignore', 'inherit', 'inherit', 'ipc']});
  running.push(child);
  await once(child, 'message');
  return child;
}

async function ask(child: ChildProcess, message: {path: string | null; at?: number}): Promise<string> {
  const answer = once(child, 'message') as Promise<[string]>;
  child.send(message);
  return (await answer)[0];
}

afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
});

describe('a lock', () => {
  it('that cannot be read is held until it is old', () => {
    mkdirSync(path);
    expect(takeLock(path).status).toBe('held');
  });

  it('is held by one, named in its file, and let go', () => {
    const lock = takeLock(path);
    expect(takeLock(path)).toMatchObject({status: 'held', holder: here});
    if (lock.status === 'taken') lock.release();
    expect(takeLock(path).status).toBe('taken');
    expect(readdirSync(folder)).toEqual(['a.lock']);
  });

  it('is held by one also where the file system has no hard links', () => {
    const {linkSync} = fs;
    fs.linkSync = () => {
      throw Object.assign(new Error('EPERM: operation not permitted, link'), {
        code: 'EPERM',
        syscall: 'link',
      });
    };
    syncBuiltinESMExports();
    try {
      const lock = takeLock(path);
      expect(takeLock(path).status).toBe('held');
      if (lock.status === 'taken') lock.release();
      left(elsewhere, 130);
      expect(takeLock(path).status).toBe('taken');
      expect(readdirSync(folder)).toEqual(['a.lock']);
    } finally {
      fs.linkSync = linkSync;
      syncBuiltinESMExports();
    }
  });

  it.each<Left>([
    ['of a process of this machine that is gone', {...here, pid: nobody}, 0],
    ['that an earlier version wrote, of a process that is gone', {pid: nobody, host: hostname()}, 0],
    ['of another machine that was not refreshed for two minutes', elsewhere, 130],
    ['of a process number that something else may have by now', {pid: process.pid, host: hostname()}, 130],
    ['that was torn while it was written', '', 130],
  ])('is taken over from one %s', (_, holder, secondsAgo) => {
    left(holder, secondsAgo);
    expect(takeLock(path).status).toBe('taken');
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({pid: process.pid, host: hostname()});
    expect(readdirSync(folder)).toEqual(['a.lock']);
  });

  it.each<Left>([
    ['another machine that was refreshed a minute ago', elsewhere, 60],
    ['a process that is about to write its name', '', 0],
  ])('is left to one of %s', (_, holder, secondsAgo) => {
    left(holder, secondsAgo);
    const before = readFileSync(path, 'utf8');
    expect(takeLock(path).status).toBe('held');
    expect(readFileSync(path, 'utf8')).toBe(before);
  });

  it.skipIf(!isLinux)('is told from one of another process of its number, and of another container', () => {
    left(here, 3600);
    expect(takeLock(path).status, 'it lives, but stood still for an hour').toBe('held');
    left({...here, started: '1'}, 0);
    expect(takeLock(path).status, 'something else has its number').toBe('taken');
    left({...here, pid: nobody, namespace: 'pid:[1]'}, 60);
    expect(takeLock(path).status, 'its number counts elsewhere').toBe('held');
    left({...here, pid: nobody, namespace: 'pid:[1]'}, 130);
    expect(takeLock(path).status, 'and it was not heard of').toBe('taken');
  });

  it('that is stale is taken over by exactly one of many', async () => {
    const many = await Promise.all(Array.from({length: 8}, () => contend()));
    for (let round = 0; round < 20; round++) {
      left({...here, pid: nobody}, 0);
      const at = Date.now() + 20;
      const became = await Promise.all(many.map(child => ask(child, {path, at})));
      expect(
        became.filter(status => status === 'taken'),
        `round ${round}`,
      ).toHaveLength(1);
      await Promise.all(many.map(child => ask(child, {path: null})));
    }
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is taken over also where one was killed while it took it over', () => {
    left({...here, pid: nobody}, 0);
    writeFileSync(`${path}~`, JSON.stringify({...here, pid: nobody}));
    expect(takeLock(path).status).toBe('taken');
    expect(readdirSync(folder)).toEqual(['a.lock']);
  });
});

const unshare = ['unshare', '--pid', '--fork', '--mount-proc'];
const canUnshare = isLinux && spawnSync(unshare[0]!, [...unshare.slice(1), 'true']).status === 0;
describe.skipIf(!canUnshare)(
  'between containers of one name (namespaces of process numbers, made as root)',
  () => {
    it('a lock is left to a process that lives, whose number means nothing there', async () => {
      const inside = await contend(...unshare);
      const outside: Lock = takeLock(path);
      expect(await ask(inside, {path})).toBe('held');
      if (outside.status === 'taken') outside.release();
      expect(await ask(inside, {path})).toBe('taken');
      expect(takeLock(path)).toMatchObject({status: 'held', holder: {host: hostname()}});
      await ask(inside, {path: null});
      expect(takeLock(path).status).toBe('taken');
    });
  },
);
