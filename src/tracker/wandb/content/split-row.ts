import {epochKey, stepKey} from '../../keys.js';
import {quotedBytes} from './quoted-bytes.js';

/** A row whose text would be too long becomes several, each with the same place on the axes. */
export function splitRow(values: Record<string, unknown>, limit: number): Record<string, unknown>[] {
  // No character of the text takes more than three bytes: most rows need not be counted.
  const text = JSON.stringify(values);
  if (text.length * 3 <= limit || quotedBytes(text) <= limit) return [values];
  const {[stepKey]: step, [epochKey]: epoch, _runtime, _timestamp, ...rest} = values;
  const axes = Object.fromEntries(
    Object.entries({[stepKey]: step, [epochKey]: epoch, _runtime, _timestamp}).filter(
      ([, v]) => v !== undefined,
    ),
  );
  const parts: Record<string, unknown>[] = [];
  let part: Record<string, unknown> = {...axes};
  let length = quotedBytes(JSON.stringify(part));
  for (const [key, value] of Object.entries(rest)) {
    const more = quotedBytes(JSON.stringify({[key]: value}));
    if (length + more > limit && Object.keys(part).length > Object.keys(axes).length) {
      parts.push(part);
      part = {...axes};
      length = quotedBytes(JSON.stringify(part));
    }
    part[key] = value;
    length += more;
  }
  return [...parts, part];
}
