// SPDX-License-Identifier: MIT
import type { DaemonConnection } from "../common/daemon.ts";
import { formatCommand } from "../text/format.ts";
import { boldHeader, print, printJson, screenWidth } from "../text/print.ts";
import { formatTable } from "../text/table.ts";

interface ProcessListOptions {
  readonly json?: true;
  readonly quiet?: true;
}

/** Prints the processes of a container. */
export async function printProcesses(
  daemon: DaemonConnection,
  id: string,
  options: ProcessListOptions,
): Promise<void> {
  const { processes } = await daemon.call("container.pids", { id });
  if (options.quiet) return processes.forEach(({ pid }) => print(String(pid)));
  const rows = processes.map((process) => ({ ...process, command: processCommand(process.pid) }));
  if (options.json) return rows.forEach(printJson);
  const cells = rows.map(({ pid, execId, command }) => [String(pid), execId ?? "-", command]);
  const layout = { right: [0], width: screenWidth(), style: boldHeader };
  formatTable(["PID", "EXEC", "COMMAND"], cells, layout).forEach(print);
}

/** Returns the command line of a process (proc_pid_cmdline(5)); empty once it is gone. */
export function processCommand(pid: number): string {
  try {
    return formatCommand(Deno.readTextFileSync(`/proc/${pid}/cmdline`).split("\0").slice(0, -1));
  } catch {
    // Processes come and go between listing and looking.
    return "";
  }
}
