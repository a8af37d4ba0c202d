import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {resolve} from 'node:path';
import {describe, expect, test} from 'vitest';
import {fateOf, thisProcess} from '../../src/disk/index.js';

const here = thisProcess();
const other = `${here.boot?.slice(0, -1)}${here.boot?.endsWith('0') ? '1' : '0'}`;

describe('of a process that a file tells of is said', () => {
  test('that it lives, and that it is gone when it was killed', async () => {
    const program = `import {thisProcess} from ${JSON.stringify(resolve('dist/disk/process-identity.js'))};
      process.send(thisProcess());
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const [identity] = (await once(child, 'message')) as [typeof here];
    expect(identity.pid).toBe(child.pid);
    expect(fateOf(identity)).toBe(process.platform === 'linux' ? 'lives' : 'number in use');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(fateOf(identity)).toBe('gone');
  });

  test.skipIf(process.platform !== 'linux')('that it is gone where another one has its number by now', () => {
    expect(fateOf(here)).toBe('lives');
    expect(fateOf({...here, started: '1'})).toBe('gone');
  });

  test('that its number is in use, where no more is known', () => {
    expect(fateOf({pid: process.pid, host: here.host})).toBe('number in use');
    expect(fateOf({...here, started: null})).toBe('number in use');
  });

  test('that it is gone where the machine was booted since', () => {
    const machine = 'a machine';
    expect(fateOf({...here, machine, boot: 'another'}, {...here, machine, boot: other})).toBe('gone');
  });

  test.each([
    ['another machine', {host: 'another'}],
    ['another machine of the same name', {boot: 'another', machine: 'another'}],
    ['a container of the same name on another machine', {boot: 'another', machine: null}],
    ['a container of the same name on this machine', {namespace: 'pid:[1]', machine: null}],
  ])('nothing where it is in %s', (_, difference) => {
    const known = {...here, boot: other, namespace: 'pid:[2]', machine: 'this'};
    // No process has this number: it counts elsewhere.
    expect(fateOf({...known, pid: 2 ** 22 + 1, ...difference}, known)).toBe('elsewhere');
  });
});
