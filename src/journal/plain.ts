/**
 * A JSON-safe deep copy: what is given is never changed and never kept. Typed arrays become arrays, bigints
 * numbers (or text where they do not fit), NaN and ±Infinity the texts W&B's own client writes for them, dates ISO
 * text; functions, symbols and undefined are left out, and a reference back to a parent becomes `"[circular]"`.
 */
export function plain(value: unknown, parents: readonly object[] = []): unknown {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'bigint':
      return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
    case 'string':
    case 'boolean':
      return value;
    case 'object':
      break;
    default:
      return undefined;
  }
  if (value === null) return null;
  if (parents.includes(value)) return '[circular]';
  if (value instanceof Date) return value.toISOString();
  const inside = [...parents, value];
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    return Array.from(value as unknown as ArrayLike<number | bigint>, item => plain(item));
  }
  if (Array.isArray(value)) return value.map(item => plain(item, inside) ?? null);
  if (value instanceof Map) return plain(Object.fromEntries(value), inside);
  if (value instanceof Set) return plain([...value], inside);
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]) => {
      const copy = plain(item, inside);
      return copy === undefined ? [] : [[key, copy]];
    }),
  );
}
