/** Rows as aligned columns; the first row is the header. Columns of numbers align right. */
export function textTable(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => row[column]!.length)));
  const isNumeric = rows[0]!.map((_, column) =>
    rows.slice(1).every(row => /^\(?([+-]?\d|–)/.test(row[column]!)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        isNumeric[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
      )
      .join('  ')
      .trimEnd();
  return `${rows.map(line).join('\n')}\n`;
}
