// SPDX-License-Identifier: MIT
// Compares the surroundings of processes: namespaces, cgroups, limits, rights.
import { processStat } from "../../linux/process/stat.ts";

/** Lines of proc_pid_status(5) about what a child inherits. */
const INHERITED =
  /^(?:Umask|Uid|Gid|Groups|Cap\w+|NoNewPrivs|Seccomp|Cpus_allowed_list|Mems_allowed_list):.*$/gm;

const OPEN_FILES = /^Max open files +(\S+) +(\S+).*$/m;

/**
 * Describes the surroundings of a process, which its children inherit: namespaces, root directory, cgroups,
 * limits, rights, priority. Two processes with the same description start the same child, as far as
 * /proc tells. The soft limit of open files, which Deno raises, is left out; see
 * {@linkcode softFileLimit}.
 *
 * @throws what the file system throws; the process has ended, say
 */
export function surroundingsOf(pid: number | "self"): string {
  const dir = `/proc/${pid}`;
  const namespaces = [...Deno.readDirSync(`${dir}/ns`)].map(({ name }) => name).sort()
    .map((name) => Deno.readLinkSync(`${dir}/ns/${name}`));
  const root = Deno.statSync(`${dir}/root/`);
  const limits = limitsOf(pid).replace(OPEN_FILES, (_, _soft: string, hard: string) => hard);
  return [
    ...namespaces,
    `${root.dev} ${root.ino}`,
    Deno.readTextFileSync(`${dir}/cgroup`),
    limits,
    ...(Deno.readTextFileSync(`${dir}/status`).match(INHERITED) ?? []),
    schedulingOf(pid),
    labelOf(pid),
  ].join("\n");
}

/** Returns the soft limit of open files of a process. */
export function softFileLimit(pid: number): string | undefined {
  return OPEN_FILES.exec(limitsOf(pid))?.[1];
}

function limitsOf(pid: number | "self"): string {
  return Deno.readTextFileSync(`/proc/${pid}/limits`);
}

function schedulingOf(pid: number | "self"): string {
  const stat = processStat(pid);
  if (stat === undefined) throw new Deno.errors.NotFound(`there is no process ${pid}`);
  return [stat.nice, stat.realtimePriority, stat.policy].join(" ");
}

/** Returns the label of AppArmor or SELinux; a kernel with neither fails the read. */
function labelOf(pid: number | "self"): string {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/attr/current`);
  } catch {
    // Neither module is on.
    return "";
  }
}
