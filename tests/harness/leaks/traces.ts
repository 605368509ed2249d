// SPDX-License-Identifier: MIT

/** Undoes the octal escapes of /proc/self/mountinfo (proc_pid_mountinfo(5)). */
function unescape(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(parseInt(octal, 8)));
}

/** The mount points in this namespace whose path mentions `marker`, last mounted first. */
export function mountsOf(marker: string): string[] {
  return Deno.readTextFileSync("/proc/self/mountinfo").split("\n")
    .map((line) => unescape(line.split(" ")[4] ?? ""))
    .filter((path) => path.includes(marker))
    .reverse();
}

/** The paths of Unix sockets that mention `marker`, once per socket (proc_net_unix(5)). */
export function unixSocketsOf(marker: string): string[] {
  return Deno.readTextFileSync("/proc/net/unix").split("\n").slice(1)
    .map((line) => line.trim().split(/\s+/)[7] ?? "")
    .filter((path) => path.includes(marker));
}

/** The cgroup directories below each hierarchy's `name`, deepest first, itself last. */
export function cgroupsOf(name: string): string[] {
  const roots = Deno.readTextFileSync("/proc/self/mountinfo").split("\n")
    .filter((line) => / - cgroup2? /.test(line))
    .map((line) => unescape(line.split(" ")[4] ?? ""));
  return roots.flatMap((root) => directoriesIn(`${root}/${name}`));
}

function directoriesIn(dir: string): string[] {
  try {
    const inner = [...Deno.readDirSync(dir)].filter((entry) => entry.isDirectory);
    return [...inner.flatMap((entry) => directoriesIn(`${dir}/${entry.name}`)), dir];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** The pids in a cgroup directory itself; empty once it is gone. */
export function cgroupPids(dir: string): number[] {
  try {
    return Deno.readTextFileSync(`${dir}/cgroup.procs`).split("\n").filter(Boolean).map(Number);
  } catch {
    // Removed meanwhile.
    return [];
  }
}

/** The names in a directory; none where there is no directory. */
export function namesIn(dir: string): string[] {
  try {
    return [...Deno.readDirSync(dir)].map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** Every file and directory below `dir`, relative to it; mounts are not entered. */
export function filesIn(dir: string): string[] {
  const device = (path: string) => Deno.lstatSync(path).dev;
  const found: string[] = [];
  const unlessGone = (look: () => void): void => {
    try {
      look();
    } catch (error) {
      // It went during the look. That must not hide what else there is.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  };
  const walk = (path: string, prefix: string, dev: number): void => {
    for (const entry of Deno.readDirSync(path)) {
      const name = `${prefix}${entry.name}`;
      found.push(name);
      if (!entry.isDirectory) continue;
      const inner = `${path}/${entry.name}`;
      unlessGone(() => device(inner) === dev && walk(inner, `${name}/`, dev));
    }
  };
  unlessGone(() => walk(dir, "", device(dir)));
  return found.sort();
}
