/** A stream that keeps what was written, and what a person would see of it: a line that was cleared is gone. */
export function screen({isTTY = true, columns = 200}: {isTTY?: boolean; columns?: number} = {}) {
  let text = '';
  return {
    isTTY,
    columns,
    write(more: string) {
      text += more;
    },
    get text() {
      return text;
    },
    get lines() {
      return text
        .split('\n')
        .map(line => line.split('\r\x1b[K').at(-1)!)
        .filter(line => line !== '');
    },
  };
}
