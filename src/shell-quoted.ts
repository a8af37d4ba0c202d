/** A path as one word of a POSIX shell, as written where nothing in it is special to one. */
export function shellQuoted(path: string): string {
  const word = path.startsWith('-') ? `./${path}` : path;
  return /^[\w./:@%+,=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
