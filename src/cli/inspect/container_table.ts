// SPDX-License-Identifier: MIT
import type { ContainerState } from "../../rpc/contract/schemas.ts";
import { IMAGE_LABEL } from "../common/labels.ts";
import { colored } from "../text/print.ts";
import { columns, formatRows } from "../text/rows.ts";
import type { Template } from "../text/template.ts";
import { CONTAINER_FIELDS, hasFailed } from "./container_fields.ts";

/** Returns the columns of `berth ps` for these containers: with images and ports where there are any. */
function defaultColumns(containers: readonly ContainerState[]): Template {
  const anyPorts = containers.some(({ network }) => (network?.ports ?? []).length > 0);
  const ports = anyPorts ? ["Ports"] : [];
  const images = containers.some(({ labels }) => IMAGE_LABEL in labels) ? ["Image"] : [];
  const names = ["ID", ...images, "Status", "RunningFor", "Pid", ...ports, "Command"];
  return columns(CONTAINER_FIELDS, names);
}

/**
 * Returns the lines that list containers, in the order given: the table, or what a template makes of
 * each. `now` in ms since the epoch.
 */
export function containerLines(
  containers: readonly ContainerState[],
  now: number,
  width: number | undefined,
  template: Template = defaultColumns(containers),
): string[] {
  return formatRows(containers, template, CONTAINER_FIELDS, {
    width,
    now,
    style: (text, container, field) =>
      field === "Status" && hasFailed(container) ? colored(text, "red") : text,
  });
}
