// SPDX-License-Identifier: MIT
// Containers as `ps` lists them.
import { baseName } from "../../linux/fs/path_names.ts";
import { SIGKILL } from "../../linux/process/signals.ts";
import type { ContainerState } from "../../rpc/contract/schemas.ts";
import { shortName } from "../../images/reference.ts";
import { COMMAND_LABEL, IMAGE_LABEL, LABEL_PREFIX } from "../common/labels.ts";
import { portsText } from "../network/port_text.ts";
import { formatCommand, formatSpan } from "../text/format.ts";
import { colored } from "../text/print.ts";
import { columns, formatRows, type ListFields } from "../text/rows.ts";
import type { Template } from "../text/template.ts";

/** The fields that `ps` can show of a container, by docker's names. */
export const CONTAINER_FIELDS: ListFields<ContainerState> = {
  ID: { header: "ID", value: ({ id }) => id },
  Names: { header: "NAMES", value: ({ id }) => id },
  Image: { header: "IMAGE", value: ({ labels }) => shortName(labels[IMAGE_LABEL] ?? "") },
  Status: { header: "STATUS", value: statusOf },
  State: { header: "STATE", value: stateWord },
  RunningFor: {
    header: "CREATED",
    value: ({ createdAt }, now) => `${formatSpan(now - Date.parse(createdAt))} ago`,
  },
  CreatedAt: { header: "CREATED AT", value: ({ createdAt }) => createdAt },
  Pid: {
    header: "PID",
    kind: "figure",
    value: ({ status, pid }) => status === "stopped" ? "-" : String(pid),
  },
  ExitCode: {
    header: "EXIT CODE",
    kind: "figure",
    value: ({ exitStatus }) => String(exitStatus ?? ""),
  },
  Command: { header: "COMMAND", value: commandOf },
  Ports: { header: "PORTS", value: ({ network }) => portsText(network) },
  Networks: {
    header: "NETWORKS",
    value: ({ network }) => (network?.interfaces ?? []).map((each) => each.network).join(),
  },
  Runtime: {
    header: "RUNTIME",
    value: ({ runtime }) => baseName(runtime),
  },
  Group: { header: "GROUP", value: ({ group }) => group ?? "" },
  Labels: {
    header: "LABELS",
    value: ({ labels }) =>
      // Those of berth's own are no business of a person.
      Object.entries(labels).filter(([key]) => !key.startsWith(LABEL_PREFIX))
        .map(([key, value]) => `${key}=${value}`).join(),
  },
  Label: { header: "LABEL", value: ({ labels }, _now, key = "") => labels[key] ?? "" },
};

/** Returns docker's word for a container's state. */
export function stateWord({ status, restartingAt }: ContainerState): string {
  if (status !== "stopped") return status;
  return restartingAt === undefined ? "exited" : "restarting";
}

/** Returns docker's words for how a container is: `Up 3 hours`, `Exited (1) 5 minutes ago`. */
function statusOf(container: ContainerState, now: number): string {
  const { status, shim, startedAt, exitedAt } = container;
  const span = (since: string | undefined) => formatSpan(now - Date.parse(since ?? ""));
  const shimNote = shim === "connected" || shim === "none" ? "" : ` (shim ${shim})`;
  switch (status) {
    case "created":
      return `Created${shimNote}`;
    case "running":
    case "paused": {
      const up = startedAt === undefined ? "Up" : `Up ${span(startedAt)}`;
      return `${up}${status === "paused" ? " (Paused)" : ""}${shimNote}`;
    }
    case "stopped": {
      const ago = exitedAt === undefined ? "" : ` ${span(exitedAt)} ago`;
      const word = stateWord(container) === "restarting" ? "Restarting" : "Exited";
      return `${word} (${exitOf(container)})${ago}${shimNote}`;
    }
  }
}

/**
 * Returns the exit status for people. The OOM killer kills with SIGKILL, so that it is no reason for any
 * other end. It is not known whether this SIGKILL was its own: the kernel only counts how many processes
 * of a cgroup it has killed.
 */
function exitOf({ exitStatus, exitStatusUnknown, oomKilled }: ContainerState): string {
  const oom = oomKilled && exitStatus === 128 + SIGKILL;
  return `${exitStatus ?? "?"}${exitStatusUnknown ? "?" : ""}${oom ? ", OOM" : ""}`;
}

/** Returns the label that the command line sets, or what the bundle's spec says. */
function commandOf({ labels, bundle }: ContainerState): string {
  const label = labels[COMMAND_LABEL];
  if (label !== undefined) return label;
  try {
    const args: unknown = JSON.parse(Deno.readTextFileSync(`${bundle}/config.json`))?.process?.args;
    if (Array.isArray(args)) return formatCommand(args.map(String));
  } catch {
    // The bundle has just gone, or only root may read it: a list is not to fail for a command.
  }
  return "";
}

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
    style: (text, { status, exitStatus }, field) => {
      const hasFailed = status === "stopped" && exitStatus !== 0;
      return field === "Status" && hasFailed ? colored(text, "red") : text;
    },
  });
}
