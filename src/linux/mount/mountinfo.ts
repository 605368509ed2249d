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
 * Returns those of `mounts` that are at or below `dir`, in an order in which they can be
 * unmounted one by one: a mount comes after all that is mounted on it, of siblings the newest comes
 * first (it may hide the others). A path on which two mounts are stacked is listed twice.
 *
 * @param dir absolute and without symlinks, as mountinfo's own paths
 */
export function unmountOrder(mounts: readonly MountInfo[], dir: string): MountInfo[] {
  const inside = new Map(
    mounts.filter(({ mountPoint }) => isWithin(mountPoint, dir)).map((mount) => [mount.id, mount]),
  );
  const children = Map.groupBy(inside.values(), ({ parent }) => parent);
  const order: MountInfo[] = [];
  // Depth first with a stack of its own; what is found last has to be unmounted first.
  const pending = [...inside.values()].filter(({ parent }) => !inside.has(parent));
  for (let mount = pending.shift(); mount !== undefined; mount = pending.shift()) {
    order.push(mount);
    pending.unshift(...children.get(mount.id) ?? []);
  }
  return order.reverse();
}

/** Returns whether a path is `dir` or below it; both absolute and without symlinks. */
export function isWithin(path: string, dir: string): boolean {
  return path === dir || path.startsWith(dir === "/" ? dir : `${dir}/`);
}

/** The mount points of a tree, each list in the order in which to unmount them, `spread` first. */
export interface SortedMounts {
  /** Those whose copies on the peers of the tree came from it, and are to go with them. */
  readonly spread: readonly string[];
  /** The others, which have to be private before they are unmounted if one of them has peers. */
  readonly others: readonly string[];
  /** Whether one in the tree can have peers. */
  readonly hasPeers: boolean;
}

/** Sorts the mounts at or below `dir` by what their unmount may take away elsewhere. */
export function sortMounts(mounts: readonly MountInfo[], dir: string): SortedMounts {
  const spread: string[] = [], others: string[] = [];
  let hasPeers = false;
  for (const mount of unmountOrder(mounts, dir)) {
    const { mountPoint } = mount;
    hasPeers ||= groupOf(mount) !== undefined;
    // One that stays meanwhile would be in the way, or hides it.
    const free = !others.some((other) =>
      isWithin(other, mountPoint) || isWithin(mountPoint, other)
    );
    (free && hasSpread(mounts, mount, dir) ? spread : others).push(mountPoint);
  }
  return { spread, others, hasPeers };
}

/**
 * Returns whether a mount has copies outside of `dir`, all of which came from it: an unmount takes what
 * is at the same place of each peer of its parent (mount_namespaces(7)). A copy is younger.
 */
function hasSpread(mounts: readonly MountInfo[], mount: MountInfo, dir: string): boolean {
  const parent = mounts.find(({ id }) => id === mount.parent);
  const group = groupOf(parent), own = groupOf(mount);
  if (parent === undefined || group === undefined || own === undefined) return false;
  if (!isWithin(parent.mountPoint, dir)) return false;
  const place = join(parent.root, mount.mountPoint.slice(parent.mountPoint.length));
  const gets = [`shared:${group}`, `master:${group}`];
  // Where an unmount looks for a copy. A peer that shows another part of the file system has no such place.
  const places = new Map(
    mounts.filter(({ mountPoint, root, propagation }) =>
      !isWithin(mountPoint, dir) && isWithin(place, root) &&
      propagation.some((tag) => gets.includes(tag))
    ).map(({ id, mountPoint, root }) => [
      id,
      join(mountPoint, place.slice(root === "/" ? 0 : root.length)),
    ]),
  );
  const copies = mounts.filter((copy) => places.get(copy.parent) === copy.mountPoint);
  return copies.length > 0 &&
    copies.every((copy) =>
      (groupOf(copy) === own || copy.propagation.includes(`master:${own}`)) &&
      mounts.indexOf(copy) > mounts.indexOf(mount)
    );
}

function join(dir: string, below: string): string {
  return dir === "/" && below !== "" ? below : `${dir}${below}`;
}

/** Returns the peer group that a mount is in. */
function groupOf(mount: MountInfo | undefined): string | undefined {
  return mount?.propagation.find((tag) => tag.startsWith("shared:"))?.slice("shared:".length);
}
