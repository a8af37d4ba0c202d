import {createHash} from 'node:crypto';
import {basename, resolve} from 'node:path';

/**
 * The run that belongs to a training folder: the same folder always gives the same id, so a watch that is started
 * again goes on in its run.
 */
export function runOfFolder(folder: string, fingerprint: string): {id: string; name: string} {
  const path = resolve(folder);
  const name = basename(path) || 'run';
  const hash = createHash('sha256').update(`${path}\n${fingerprint}`).digest('hex');
  return {id: `${name.replace(/[^A-Za-z0-9_-]+/g, '-').slice(0, 40)}-${hash.slice(0, 8)}`, name};
}
