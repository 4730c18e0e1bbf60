/** Aligned columns and key-value blocks, without borders. */
import Table from 'cli-table3';

const NO_BORDERS = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '',
};

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

function render(rows: readonly (readonly string[])[]): string {
  const table = new Table({
    chars: NO_BORDERS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
  });
  for (const row of rows) table.push([...row]);
  const lines = table.toString().split('\n');
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
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
