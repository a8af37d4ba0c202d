/** What is written to: a terminal, a file, or a test's collector. */
export interface TextStream {
  /** Takes text with its line feeds. */
  write(text: string): unknown;
  /** Whether a line may be written over. Default false. */
  readonly isTTY?: boolean;
  /** Width in characters. Default 80. */
  readonly columns?: number;
}

/** Width of a terminal that does not say its own, in characters. */
const COLUMNS = 80;

/** To the start of the line the cursor is in, and clear it: no other line is touched, whoever wrote it. */
const OVER = '\r\x1b[K';

/** The last line of a terminal, written over itself. Where there is no terminal it is not written. */
interface LiveLine {
  /** In place of the line that stands. */
  draw: (line: string) => void;
  /** A line that stays, above the one that stands; written everywhere. */
  say: (line: string) => void;
  /** Takes the line away. */
  clear: () => void;
}

/** For the commands, which have the terminal to themselves; what runs inside somebody's training only adds lines. */
export function liveLine(stream: TextStream): LiveLine {
  let standing = '';
  const over = (): string => (standing === '' ? '' : OVER);

  return {
    draw(line) {
      if (!stream.isTTY) return;
      const before = over();
      // A line that wraps would be two, of which one would be left standing.
      standing = line.slice(0, (stream.columns || COLUMNS) - 1);
      stream.write(before + standing);
    },
    say(line) {
      stream.write(`${over()}${line}\n${standing}`);
    },
    clear() {
      if (standing !== '') stream.write(OVER);
      standing = '';
    },
  };
}
