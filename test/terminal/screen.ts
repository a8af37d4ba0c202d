/** A stream that keeps what was written, and what a person would see of it: lines that were taken away are gone. */
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
      const lines: string[] = [];
      for (const line of text.split('\n')) {
        // Up so many lines, and everything below is cleared.
        const up = /^\x1b\[(\d+)A\x1b\[0J/.exec(line);
        if (up) lines.splice(lines.length - Number(up[1]));
        lines.push(up ? line.slice(up[0].length) : line);
      }
      return lines.filter(line => line !== '');
    },
  };
}
