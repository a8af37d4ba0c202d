import {execFileSync} from 'node:child_process';
import {mkdirSync, mkdtempSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {describe, expect, it} from 'vitest';
import {gitCommit} from '../../src/journal/git-commit.js';

function repository() {
  const folder = mkdtempSync(join(tmpdir(), 'git-commit-'));
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.c', ...args], {
      cwd: folder,
      encoding: 'utf8',
    });
  git('init', '-q', '-b', 'main');
  git('commit', '-q', '--allow-empty', '-m', 'one');
  return {folder, git, head: git('rev-parse', 'HEAD').trim()};
}

describe('gitCommit', () => {
  it('is the commit of the folder or of one above it', async () => {
    const {folder, head} = repository();
    mkdirSync(join(folder, 'a/b'), {recursive: true});
    expect(await gitCommit(folder)).toBe(head);
    expect(await gitCommit(join(folder, 'a/b'))).toBe(head);
  });

  it('reads packed refs, a detached head and a linked worktree', async () => {
    const {folder, git, head} = repository();
    git('pack-refs', '--all');
    expect(await gitCommit(folder)).toBe(head);
    const side = `${folder}-side`;
    git('worktree', 'add', '-q', '-b', 'side', side);
    git('-C', side, 'commit', '-q', '--allow-empty', '-m', 'two');
    expect(await gitCommit(side)).toBe(git('rev-parse', 'side').trim());
    git('pack-refs', '--all');
    expect(await gitCommit(side)).toBe(git('rev-parse', 'side').trim());
    expect(git('rev-parse', 'side').trim()).not.toBe(head);
    git('checkout', '-q', '--detach');
    expect(await gitCommit(folder)).toBe(head);
  });

  it('is null outside of a repository and before the first commit', async () => {
    const bare = mkdtempSync(join(tmpdir(), 'git-commit-'));
    expect(await gitCommit(bare)).toBeNull();
    execFileSync('git', ['init', '-q'], {cwd: bare});
    expect(await gitCommit(bare)).toBeNull();
  });
});
