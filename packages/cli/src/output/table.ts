/** Aligned columns and key-value blocks, without borders. */
import stringWidth from 'string-width';

/** Spaces between two columns. */
const GAP = '  ';

/** One column: its heading and the text of its cell in a row. */
export interface Column<T> {
  readonly head: string;
  readonly cell: (row: T) => string;
  /** Shown only with `-o wide`. */
  readonly wide?: boolean;
}

/** Text from elsewhere without control characters, which could move the cursor or change colours. */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, ' ');
}

/** Pads every cell to the width of its column on a terminal. Linear in the number of cells. */
function render(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  const measured = rows.map((row) => row.map((text) => ({ text, width: stringWidth(text) })));
  for (const row of measured) {
    row.forEach(({ width }, column) => {
      widths[column] = Math.max(widths[column] ?? 0, width);
    });
  }
  const pad = ({ text, width }: { text: string; width: number }, column: number): string =>
    text + ' '.repeat((widths[column] ?? width) - width);
  return measured.map((row) => `${row.map(pad).join(GAP).trimEnd()}\n`).join('');
}

/** A table with headings. Empty rows give only the headings. */
export function renderTable<T>(columns: readonly Column<T>[], rows: readonly T[], wide: boolean): string {
  const shown = columns.filter((column) => wide || column.wide !== true);
  return render([shown.map((column) => column.head), ...rows.map((row) => shown.map((column) => column.cell(row)))]);
}

/** Names and values, one a line; those without a value are left out. */
export function renderFields(fields: readonly (readonly [name: string, value: string | undefined])[]): string {
  const rows = fields.flatMap(([name, value]) => (value === undefined || value === '' ? [] : [[`${name}:`, value]]));
  return rows.length === 0 ? '' : render(rows);
}
