/**
 * Rows as aligned columns; the first row is the header. Columns of numbers align right. A row that is shorter than the header
 * ends in a cell that runs on under the columns it leaves out.
 */
export function textTable(rows: readonly (readonly string[])[]): string {
  const count = rows[0]?.length ?? 0;
  const whole = rows.filter(row => row.length === count);
  const columns = Array.from({length: count}, (_, at) => whole.map(row => row[at] ?? ''));
  const pads = columns.map(cells => {
    const width = Math.max(...cells.map(cell => cell.length));
    const isNumeric = cells.slice(1).every(cell => /^\(?([+-]?\d|–)/.test(cell));
    return (cell: string): string => (isNumeric ? cell.padStart(width) : cell.padEnd(width));
  });
  const line = (row: readonly string[]): string =>
    row
      .map((cell, at) => (at === row.length - 1 && row.length < count ? cell : (pads[at]?.(cell) ?? cell)))
      .join('  ')
      .trimEnd();
  return `${rows.map(line).join('\n')}\n`;
}
