/** What is written to: a terminal, a file, or a test's collector. */
export interface TextStream {
  /** Takes text with its line feeds. */
  write(text: string): unknown;
  /** Whether lines may be written over in place. Default false. */
  readonly isTTY?: boolean;
  /** Width in characters. Default 80. */
  readonly columns?: number;
}

/** Width of a terminal that does not say its own, in characters. */
const COLUMNS = 80;

/** Lines that stand at the bottom of a terminal, written over themselves. Where there is no terminal they are not written. */
interface LiveLines {
  /** In place of the lines that stand. */
  draw: (...lines: string[]) => void;
  /** A line that stays, above those that stand; written everywhere. */
  say: (line: string) => void;
  /** Takes the lines away. */
  clear: () => void;
  /** Leaves the lines as they are; what is drawn next comes below them. */
  keep: () => void;
}

export function liveLines(stream: TextStream): LiveLines {
  let standing: string[] = [];

  function erase(): void {
    if (standing.length > 0) stream.write(`\x1b[${standing.length}A\x1b[0J`);
  }
  function write(lines: readonly string[]): void {
    if (lines.length > 0) stream.write(lines.map(line => `${line}\n`).join(''));
  }

  return {
    draw(...lines) {
      if (!stream.isTTY) return;
      erase();
      // A line that wraps would be two, of which one would be left standing.
      standing = lines.map(line => line.slice(0, stream.columns || COLUMNS));
      write(standing);
    },
    say(line) {
      erase();
      write([line, ...standing]);
    },
    clear() {
      erase();
      standing = [];
    },
    keep() {
      standing = [];
    },
  };
}
