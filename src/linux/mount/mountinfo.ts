// SPDX-License-Identifier: MIT

/** One mount of this process's mount namespace: a line of proc_pid_mountinfo(5). */
export interface MountInfo {
  /** Unique while mounted, reused later. */
  readonly id: number;
  /** The mount that this one is mounted on. */
  readonly parent: number;
  /** Which directory of the file system is seen here; `/` unless it is a bind mount or cgroup. */
  readonly root: string;
  /** Absolute, without symlinks. */
  readonly mountPoint: string;
  /** Per-mount options, `rw,nosuid`. */
  readonly options: string;
  /** Propagation tags, `shared:1`; empty for a private mount. */
  readonly propagation: readonly string[];
  readonly fsType: string;
  readonly source: string;
  /** Options of the file system, the same in each of its mounts; cgroup v1 names controllers here. */
  readonly superOptions: string;
}

/**
 * Returns every mount of this process's mount namespace, oldest first (the kernel lists them by
 * ascending age). The cost grows with the machine's mounts: not for a path that each container
 * takes.
 */
export function readMountInfo(): MountInfo[] {
  return parseMountInfo(Deno.readTextFileSync("/proc/self/mountinfo"));
}

/** Parses proc_pid_mountinfo(5); a line that does not have its shape is an error. */
export function parseMountInfo(text: string): MountInfo[] {
  return text.split("\n").filter((line) => line !== "").map(parseLine);
}

function parseLine(line: string): MountInfo {
  // Spaces inside a field are escaped, so a space always ends one, even an empty one.
  const fields = line.split(" ");
  const separator = fields.indexOf("-", 6);
  const [id, parent, , root, mountPoint, options] = fields;
  const [fsType, source, superOptions] = fields.slice(separator + 1);
  if (
    separator === -1 || root === undefined || mountPoint === undefined || options === undefined ||
    fsType === undefined || source === undefined || superOptions === undefined
  ) throw new SyntaxError(`not a line of mountinfo: ${JSON.stringify(line)}`);
  return {
    id: Number(id),
    parent: Number(parent),
    root: unescape(root),
    mountPoint: unescape(mountPoint),
    options,
    propagation: fields.slice(6, separator),
    fsType,
    source: unescape(source),
    superOptions: unescape(superOptions),
  };
}

/**
 * Undoes the kernel's escapes: it writes space, tab, newline, backslash and `#` in these fields as
 * `\ooo`.
 */
function unescape(field: string): string {
  if (!field.includes("\\")) return field;
  return field.replace(
    /\\([0-7]{3})/g,
    (_, octal: string) => String.fromCharCode(parseInt(octal, 8)),
  );
}

/**
 * Returns the mount points of `mounts` at or below `dir`, in an order in which they can be
 * unmounted one by one: a mount comes after all that is mounted on it, of siblings the newest comes
 * first (it may hide the others). A path on which two mounts are stacked is listed twice.
 *
 * @param dir absolute and without symlinks, as mountinfo's own paths
 */
export function unmountOrder(mounts: readonly MountInfo[], dir: string): string[] {
  const below = dir === "/" ? dir : `${dir}/`;
  const inside = new Map(
    mounts.filter(({ mountPoint }) => mountPoint === dir || mountPoint.startsWith(below))
      .map((mount) => [mount.id, mount]),
  );
  const children = Map.groupBy(inside.values(), ({ parent }) => parent);
  const order: string[] = [];
  // Depth first with a stack of its own; what is found last has to be unmounted first.
  const pending = [...inside.values()].filter(({ parent }) => !inside.has(parent));
  for (let mount = pending.shift(); mount !== undefined; mount = pending.shift()) {
    order.push(mount.mountPoint);
    pending.unshift(...children.get(mount.id) ?? []);
  }
  return order.reverse();
}
