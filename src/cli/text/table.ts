// SPDX-License-Identifier: MIT
// Lays tables out for a screen of some width.

/** Width, alignment and style of a table. */
export interface TableOptions {
  /** Columns of the screen; what does not fit is cut with an ellipsis. Left out: nothing is cut. */
  readonly width?: number | undefined;
  /** Indexes of the columns whose cells are figures, aligned on the right and never cut. */
  readonly right?: readonly number[];
  /** Returns a cell with what makes it bold or colored; `row` is -1 for the header. */
  readonly style?: (text: string, row: number, column: number) => string;
}

/**
 * Blanks between two columns, and the fewest characters that the first column, which names the row,
 * and the other columns of text are cut to. Each takes more away than the one before.
 */
const WAYS = [
  { gap: 3, first: 20, others: 14 },
  { gap: 2, first: 20, others: 12 },
  { gap: 1, first: 16, others: 9 },
  { gap: 1, first: 12, others: 8 },
  { gap: 1, first: 8, others: 8 },
  { gap: 1, first: 4, others: 4 },
] as const;

/** A column that is cut to fewer characters than this may be narrower than its header. */
const LEAST = 8;

/** Returns the cell without what would move the cursor or break the line. */
function clean(cell: string): string {
  // deno-lint-ignore no-control-regex -- these are exactly what must not reach a terminal
  return cell.replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, " ");
}

/** Returns `line`, cut to `width` characters. */
export function fit(line: string, width: number | undefined): string {
  const chars = [...line];
  if (width === undefined || chars.length <= width) return line;
  return width < 1 ? "" : chars.slice(0, width - 1).join("") + "…";
}

/** A screen, and what is shown on it. */
export interface FitOptions {
  /** Left out: as many as are needed. */
  readonly rows?: number;
  readonly columns?: number;
  /** How many of the lines are headers, which are not counted. Default: one. */
  readonly headers?: number;
}

/**
 * Returns lines for a screen of `rows` rows, all of them where it is left out. Where lines have to go the
 * last row tells how many, and `hint` what to do about it.
 */
export function fitRows(
  lines: readonly string[],
  hint: string,
  { rows = Infinity, columns, headers = 1 }: FitOptions,
): string[] {
  if (lines.length <= rows) return [...lines];
  const shown = lines.slice(0, Math.max(0, rows - 1));
  const left = lines.length - Math.max(shown.length, headers);
  return [...shown, fit(`… ${left} more ${hint}`, columns)];
}

/**
 * Lays rows out under headers, each column as wide as its widest cell; one string per line. On a
 * narrower screen the widest columns of text are cut, so that each row keeps all of its columns. Only
 * figures, which would be others when cut, may not fit.
 */
export function formatTable(
  headers: readonly string[],
  rows: readonly (readonly string[])[],
  options: TableOptions = {},
): string[] {
  const { width, right = [], style = (text) => text } = options;
  const all = [headers, ...rows.map((row) => row.map(clean))];
  const { widths, gap } = layOut(headers, all, { width, right });
  return all.map((row, index) => {
    let left = width;
    const cells: string[] = [];
    for (const column of headers.keys()) {
      const cell = fit(row[column] ?? "", widths[column]);
      const padding = " ".repeat((widths[column] ?? 0) - [...cell].length);
      const isLast = row.slice(column + 1).every((next) => next === "") ||
        column === headers.length - 1;
      const text = right.includes(column) ? padding + cell : isLast ? cell : cell + padding;
      // Where the figures alone do not fit, what is over the edge is not drawn.
      const shown = fit(text, left === undefined ? undefined : Math.max(0, left));
      cells.push(style(shown, index - 1, column));
      if (left !== undefined) left -= [...text].length + gap.length;
      if (isLast || (left !== undefined && left <= 0)) break;
    }
    return cells.join(gap);
  });
}

/** Returns the width of each column, and what stands between two. */
function layOut(
  headers: readonly string[],
  all: readonly (readonly string[])[],
  { width, right }: { readonly width: number | undefined; readonly right: readonly number[] },
): { widths: number[]; gap: string } {
  const widths = headers.map((_, column) =>
    all.reduce((widest, row) => Math.max(widest, [...(row[column] ?? "")].length), 0)
  );
  const cut = ({ gap, first, others }: (typeof WAYS)[number]) => {
    const least = headers.map((header, column) => {
      if (right.includes(column)) return Infinity;
      const fewest = column === 0 ? first : others;
      return fewest < LEAST ? fewest : Math.max(fewest, [...header].length);
    });
    const room = (width ?? Infinity) - gap * (headers.length - 1);
    const fitted = cutWidest(widths, room, least);
    return { widths: fitted, gap: " ".repeat(gap), fits: sum(fitted) <= room };
  };
  for (const way of WAYS) {
    const found = cut(way);
    if (found.fits) return found;
  }
  return cut(WAYS[0]);
}

/**
 * Returns widths without what is over `room`, taken from the widest columns, but nothing below what is
 * the least of each.
 */
function cutWidest(all: readonly number[], room: number, least: readonly number[]): number[] {
  const widths = [...all];
  for (let over = sum(widths) - room; over > 0; over--) {
    let widest = -1;
    for (const [column, value] of widths.entries()) {
      const cuttable = value > (least[column] ?? Infinity);
      if (cuttable && value > (widths[widest] ?? 0)) widest = column;
    }
    if (widest < 0) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return widths;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
