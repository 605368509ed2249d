// SPDX-License-Identifier: MIT

/** Options of {@linkcode formatTable}. */
export interface TableOptions {
  /** Columns on the screen; longer lines are cut with an ellipsis. Left out: nothing is cut. */
  readonly width?: number | undefined;
  /** Indexes of the columns whose cells are figures, aligned on the right. */
  readonly right?: readonly number[];
}

/** The cell without what would move the cursor or break the line. */
function clean(cell: string): string {
  // deno-lint-ignore no-control-regex -- these are exactly what must not reach a terminal
  return cell.replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, " ");
}

/** `line`, cut to `width` characters. */
export function fit(line: string, width: number | undefined): string {
  const chars = [...line];
  if (width === undefined || chars.length <= width) return line;
  return width < 1 ? "" : chars.slice(0, width - 1).join("") + "…";
}

/** Lays rows out under headers, each column as wide as its widest cell; one string per line. */
export function formatTable(
  headers: readonly string[],
  rows: readonly (readonly string[])[],
  options: TableOptions = {},
): string[] {
  const all = [headers, ...rows.map((row) => row.map(clean))];
  const widths = headers.map((_, column) =>
    all.reduce((widest, row) => Math.max(widest, [...(row[column] ?? "")].length), 0)
  );
  return all.map((row) => {
    const cells = headers.map((_, column) => {
      const cell = row[column] ?? "";
      const padding = " ".repeat((widths[column] ?? 0) - [...cell].length);
      return options.right?.includes(column) ? padding + cell : cell + padding;
    });
    return fit(cells.join("   ").trimEnd(), options.width);
  });
}
