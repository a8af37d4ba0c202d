import {InvarianceError} from '../../../errors.js';

export function folderDeleted(folder: string): InvarianceError {
  return new InvarianceError('bad_record', `${folder} was deleted; its upload ends`);
}
