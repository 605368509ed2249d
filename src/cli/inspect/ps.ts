// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { SIGKILL } from "../../linux/process/signals.ts";
import type { ContainerState } from "../../rpc/contract/schemas.ts";
import { verb, withJson, withSocket } from "../common/command.ts";
import { type Daemon, withDaemon } from "../common/daemon.ts";
import { listContainers } from "../common/list_containers.ts";
import { COMMAND_LABEL } from "../container/container_dirs.ts";
import { formatAge, formatCommand } from "../text/format.ts";
import { print, printJson, screenWidth } from "../text/print.ts";
import { formatTable } from "../text/table.ts";

interface PsOptions {
  readonly json?: true;
  readonly quiet?: true;
}

/** `berth ps` */
export function psCommand(): Command {
  return withJson(withSocket(verb(
    "ps",
    "List containers, or the processes in one",
    "berth ps",
    "berth ps web",
    "berth ps --json | jq -r 'select(.status == \"stopped\").id'",
  )))
    .option("-q, --quiet", "only ids")
    .argument("[id]", "list the processes in this container")
    .action(async (id: string | undefined, options: PsOptions, command: Command) => {
      await withDaemon(command, async (daemon) => {
        if (id !== undefined) return await listProcesses(daemon, id, options);
        const containers = await listContainers((params) => daemon.call("container.list", params));
        if (options.quiet) return containers.forEach((container) => print(container.id));
        if (options.json) return containers.forEach(printJson);
        for (const line of containerTable(containers, Date.now(), screenWidth())) print(line);
      });
    });
}

/** The table of containers, oldest first. `now` in ms since the epoch. */
export function containerTable(
  containers: readonly ContainerState[],
  now: number,
  width: number | undefined,
): string[] {
  const rows = containers.toSorted((a, b) => a.createdAt.localeCompare(b.createdAt))
    .map((container) => [
      container.id,
      container.status === "stopped" ? "-" : String(container.pid),
      statusOf(container),
      exitOf(container),
      formatAge(now - Date.parse(container.createdAt)),
      container.runtime.slice(container.runtime.lastIndexOf("/") + 1),
      commandOf(container),
    ]);
  return formatTable(["ID", "PID", "STATUS", "EXIT", "AGE", "RUNTIME", "COMMAND"], rows, {
    right: [1, 3, 4],
    width,
  });
}

function statusOf({ status, shim }: ContainerState): string {
  return shim === "connected" || shim === "none" ? status : `${status} (shim ${shim})`;
}

/**
 * The OOM killer kills with SIGKILL, so that it is no reason for any other end. Whether this SIGKILL
 * was its own nobody tells: the kernel only counts how many processes of a cgroup it has killed.
 */
function exitOf(container: ContainerState): string {
  const { exitStatus, exitStatusUnknown, oomKilled } = container;
  if (exitStatus === undefined) return "-";
  const oom = oomKilled && exitStatus === 128 + SIGKILL;
  return `${exitStatus}${exitStatusUnknown ? "?" : ""}${oom ? " oom" : ""}`;
}

/** The label that the command line sets, or what the bundle's spec says. */
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

async function listProcesses(daemon: Daemon, id: string, options: PsOptions): Promise<void> {
  const { processes } = await daemon.call("container.pids", { id });
  if (options.quiet) return processes.forEach(({ pid }) => print(String(pid)));
  const rows = processes.map((process) => ({ ...process, command: processCommand(process.pid) }));
  if (options.json) return rows.forEach(printJson);
  const cells = rows.map(({ pid, execId, command }) => [String(pid), execId ?? "-", command]);
  const table = formatTable(["PID", "EXEC", "COMMAND"], cells, {
    right: [0],
    width: screenWidth(),
  });
  for (const line of table) print(line);
}

/** The command line of a process (proc_pid_cmdline(5)); empty once it is gone. */
function processCommand(pid: number): string {
  try {
    return formatCommand(Deno.readTextFileSync(`/proc/${pid}/cmdline`).split("\0").slice(0, -1));
  } catch {
    // Processes come and go between listing and looking.
    return "";
  }
}
