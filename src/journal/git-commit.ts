import {readFile} from 'node:fs/promises';
import {dirname, join, resolve} from 'node:path';

async function textOf(path: string): Promise<string | null> {
  return readFile(path, 'utf8').then(
    text => text.trim(),
    () => null,
  );
}

/** The commit that is checked out in `folder` or above it; null where there is none. Read from .git, no process started. */
export async function gitCommit(folder: string): Promise<string | null> {
  const at = resolve(folder);
  const git = join(at, '.git');
  // In a linked worktree `.git` is a file that names the real folder.
  const link = (await textOf(git))?.match(/^gitdir: (.+)$/)?.[1];
  const own = link === undefined ? git : resolve(at, link);
  const head = await textOf(join(own, 'HEAD'));
  if (head === null) return dirname(at) === at ? null : gitCommit(dirname(at));
  const ref = head.match(/^ref: (.+)$/)?.[1];
  if (ref === undefined) return head;
  const common = resolve(own, (await textOf(join(own, 'commondir'))) ?? '.');
  const loose = (await textOf(join(own, ref))) ?? (await textOf(join(common, ref)));
  if (loose !== null) return loose;
  const packed = (await textOf(join(common, 'packed-refs'))) ?? '';
  return (
    packed
      .split('\n')
      .find(line => line.endsWith(` ${ref}`))
      ?.split(' ')[0] ?? null
  );
}
