// SPDX-License-Identifier: MIT
import type { ContainerState } from "../../rpc/contract/schemas.ts";
import { boldHeader, colored } from "../text/print.ts";
import { formatTable } from "../text/table.ts";
import { CONTAINER_FIELDS, FIGURES, hasFailed, SHORT } from "./container_fields.ts";

/** A column: a field, and what a template gives it. */
export interface Column {
  readonly field: string;
  readonly argument?: string;
}

/** The columns of `berth ps`. */
export const DEFAULT_FIELDS: readonly Column[] = [
  { field: "ID" },
  { field: "Status" },
  { field: "RunningFor" },
  { field: "Pid" },
  { field: "Command" },
];

/** Returns the columns of `berth ps` for these containers: with their ports where there are any. */
export function defaultFields(containers: readonly ContainerState[]): readonly Column[] {
  const anyPorts = containers.some(({ network }) => (network?.ports ?? []).length > 0);
  if (!anyPorts) return DEFAULT_FIELDS;
  return DEFAULT_FIELDS.flatMap((column) =>
    column.field === "Command" ? [{ field: "Ports" }, column] : [column]
  );
}

/** Returns the table of containers, in the order given. `now` in ms since the epoch. */
export function containerTable(
  containers: readonly ContainerState[],
  now: number,
  width: number | undefined,
  columns: readonly Column[] = DEFAULT_FIELDS,
): string[] {
  const headers = columns.map(({ field, argument }) =>
    argument ?? CONTAINER_FIELDS[field]?.header ?? field
  );
  const rows = containers.map((container) =>
    columns.map(({ field, argument }) =>
      CONTAINER_FIELDS[field]?.value(container, now, argument) ?? ""
    )
  );
  const columnsIn = (fields: ReadonlySet<string>) =>
    [...columns.keys()].filter((column) => fields.has(columns[column]?.field ?? ""));
  return formatTable(headers, rows, {
    width,
    right: columnsIn(FIGURES),
    whole: columnsIn(SHORT),
    style: (text, row, column) => {
      const container = containers[row];
      const isStatus = columns[column]?.field === "Status";
      return isStatus && container && hasFailed(container)
        ? colored(text, "red")
        : boldHeader(text, row);
    },
  });
}
