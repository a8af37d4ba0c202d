import {InvarianceError, messageOf} from '../errors.js';

const remedies: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full; free some space or choose another folder',
  EDQUOT: 'the disk quota is used up; free some space or choose another folder',
  EFBIG: 'the file is larger than this system allows; raise the limit (ulimit -f) or choose another folder',
  EACCES: 'permission denied; choose a folder that this user may write to',
  EPERM: 'permission denied; choose a folder that this user may write to',
  EROFS: 'the file system is read-only; choose another folder',
  ENOTDIR: 'a part of the path is a file, not a folder; choose another path',
  EEXIST: 'a part of the path is a file, not a folder; choose another path',
  EISDIR: 'there is a folder of that name; choose another path',
};

/** What a failed write is reported as: `io_failed` with the path and what to do. Our own errors pass as they are. */
export function ioFailed(path: string, error: unknown): InvarianceError {
  if (error instanceof InvarianceError) return error;
  const code = (error as NodeJS.ErrnoException).code ?? '';
  return new InvarianceError('io_failed', `cannot write ${path}: ${remedies[code] ?? messageOf(error)}`, {
    cause: error,
  });
}
