/** Bytes of a line inside a request, where it is quoted once more. */
export function quotedBytes(text: string): number {
  return Buffer.byteLength(JSON.stringify(text));
}
