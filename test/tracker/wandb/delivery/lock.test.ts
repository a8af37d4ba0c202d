import fs, {mkdtempSync, readdirSync, readFileSync, utimesSync, writeFileSync} from 'node:fs';
import {syncBuiltinESMExports} from 'node:module';
import {hostname, tmpdir} from 'node:os';
import {join} from 'node:path';
import {beforeEach, describe, expect, it} from 'vitest';
import {lockFile, lockRun} from '../../../../src/tracker/wandb/delivery/lock.js';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lock-'));
  path = join(folder, lockFile);
});

/** A lock that another process left, last refreshed some seconds ago. */
function left(text: string, secondsAgo: number): void {
  writeFileSync(path, text);
  const at = new Date(Date.now() - secondsAgo * 1000);
  utimesSync(path, at, at);
}

const nobody = 2 ** 22 + 1;
const elsewhere = JSON.stringify({pid: 7, host: 'pod-1'});

describe('the lock on a run', () => {
  it('is held by one, named with its file, and let go', () => {
    const lock = lockRun(folder);
    expect(lockRun(folder)).toEqual({
      status: 'held',
      by:
        `process ${process.pid} on ${hostname()} is uploading it right now; ` +
        `wait for it, or remove ${path} if that is no uploader of this run`,
    });
    if (lock.status === 'taken') lock.release();
    expect(lockRun(folder).status).toBe('taken');
    expect(readdirSync(folder)).toEqual([lockFile]);
  });

  it('is held by one also where the file system has no hard links', () => {
    const {linkSync} = fs;
    fs.linkSync = () => {
      throw Object.assign(new Error('EPERM: operation not permitted, link'), {code: 'EPERM'});
    };
    syncBuiltinESMExports();
    try {
      const lock = lockRun(folder);
      expect(lockRun(folder).status).toBe('held');
      if (lock.status === 'taken') lock.release();
      left(elsewhere, 130);
      expect(lockRun(folder).status).toBe('taken');
      expect(readdirSync(folder)).toEqual([lockFile]);
    } finally {
      fs.linkSync = linkSync;
      syncBuiltinESMExports();
    }
  });

  it.each([
    ['of a process of this machine that is gone', JSON.stringify({pid: nobody, host: hostname()}), 0],
    ['of another machine that was not refreshed for two minutes', elsewhere, 130],
    [
      'of a process number that something else has by now',
      JSON.stringify({pid: process.pid, host: hostname()}),
      130,
    ],
    ['that was torn while it was written', '', 130],
  ])('is taken over from one %s', (_, text, secondsAgo) => {
    left(text, secondsAgo);
    expect(lockRun(folder).status).toBe('taken');
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({pid: process.pid, host: hostname()});
  });

  it.each([
    ['another machine that was refreshed a minute ago', elsewhere, 60],
    ['a process that is about to write its name', '', 0],
  ])('is left to one of %s', (_, text, secondsAgo) => {
    left(text, secondsAgo);
    expect(lockRun(folder).status).toBe('held');
    expect(readFileSync(path, 'utf8')).toBe(text);
  });
});
