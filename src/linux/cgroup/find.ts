// SPDX-License-Identifier: MIT
// Finds the cgroup of a container, by a process or by its path.
import { exists } from "../fs/exists.ts";
import { errnoNameOf, ESRCH, LinuxError } from "../libc/errno.ts";
import { isGone } from "./files.ts";
import { type MountInfo, readMountInfo } from "../mount/mountinfo.ts";

/**
 * Where a container's cgroup is. Plain data: it can be kept as JSON and used when the process by
 * which it was found is gone.
 */
export interface Cgroup {
  /** 2 where v1 has no controller, 1 where it has any (also hybrid: `unified` may be there too). */
  readonly version: 1 | 2;
  /**
   * Absolute directory of each v1 controller (`memory`, `cpu`, `name=systemd`, …), and that of the
   * v2 hierarchy as `unified`. Only cgroups of the container's own are named: what is done to these
   * (kill all, remove) must hit no other container.
   */
  readonly paths: Readonly<Record<string, string>>;
}

/** A mounted cgroup hierarchy. */
export interface Hierarchy {
  /** Its controllers, and other mount options; `unified` is v2. */
  readonly names: readonly string[];
  /** The cgroup that is seen at the mount point, `/` unless a container shows a part only. */
  readonly root: string;
  readonly mountPoint: string;
}

/**
 * Returns the hierarchies that are mounted here. They hardly ever change: worth keeping. They are
 * copies: a part of a string keeps the whole one, here the text of all mounts, for as long as a
 * container's cgroup is known.
 */
export function cgroupHierarchies(mounts: readonly MountInfo[] = readMountInfo()): Hierarchy[] {
  return structuredClone(
    mounts.filter(({ fsType }) => fsType === "cgroup" || fsType === "cgroup2").map((
      { fsType, superOptions, root, mountPoint },
    ) => ({
      names: fsType === "cgroup2" ? ["unified"] : superOptions.split(","),
      root,
      mountPoint,
    })),
  );
}

/** Where {@linkcode findCgroup} looks; the host's own by default. */
export interface FindCgroupOptions {
  /** Result of {@linkcode cgroupHierarchies}, which is called if this is left out, at a cost. */
  readonly hierarchies?: readonly Hierarchy[];
  /** The proc file system. */
  readonly proc?: string;
}

/**
 * Returns the cgroup of a container, by a process in it that has not exited (a zombie has left its
 * v1 cgroups). Left out is each hierarchy in which the process has no cgroup of its own but is in
 * the root, or in one that this process is in as well, or the parent of the process: that is its
 * shim, which may be in a cgroup of its own.
 *
 * @throws LinuxError ESRCH when there is no such process
 */
export function findCgroup(pid: number, options: FindCgroupOptions = {}): Cgroup {
  const { proc = "/proc", hierarchies = cgroupHierarchies() } = options;
  const own = readMembership(`${proc}/self/cgroup`);
  const membership = readMembership(`${proc}/${pid}/cgroup`);
  if (own === undefined || membership === undefined) {
    throw new LinuxError(ESRCH, "find cgroup", `of process ${pid}`);
  }
  const parent = readMembership(`${proc}/${parentOf(`${proc}/${pid}/status`)}/cgroup`);
  const paths: Record<string, string> = {};
  for (const [controllers, path] of membership) {
    if (isShared(path, own.get(controllers), parent?.get(controllers))) continue;
    const names = controllers === "" ? ["unified"] : controllers.split(",");
    const dir = locate(path, names, hierarchies);
    if (dir !== undefined) { for (const name of names) paths[name] = dir; }
  }
  return { version: versionOf(paths), paths };
}

/**
 * Returns the cgroup that an OCI spec names by an absolute path (linux.cgroupsPath, cgroupfs
 * driver), as far as it is there: a runtime makes a directory of that path in each hierarchy.
 * Undefined where none is there.
 */
export function cgroupAt(
  path: string,
  hierarchies: readonly Hierarchy[] = cgroupHierarchies(),
): Cgroup | undefined {
  const paths: Record<string, string> = {};
  for (const { names, mountPoint } of hierarchies) {
    const dir = mountPoint + path;
    if (exists(dir)) { for (const name of names) paths[name] = dir; }
  }
  return Object.keys(paths).length === 0 ? undefined : { version: versionOf(paths), paths };
}

/** Returns the path of a cgroup below the mount point of its hierarchy. */
export function pathBelow(dir: string, hierarchies: readonly Hierarchy[]): string | undefined {
  const mount = hierarchies.find(({ mountPoint }) => dir.startsWith(`${mountPoint}/`));
  return mount && dir.slice(mount.mountPoint.length);
}

/** Returns whether the name of a v1 hierarchy's part is that of a controller. */
export function isController(name: string): boolean {
  return name !== "" && name !== "unified" && !name.startsWith("name=");
}

function versionOf(paths: Readonly<Record<string, string>>): 1 | 2 {
  return Object.keys(paths).some(isController) ? 1 : 2;
}

/** Returns the cgroup of a process by controllers (proc_pid_cgroup(5)), which are empty for v2. */
function readMembership(path: string): ReadonlyMap<string, string> | undefined {
  const text = readProc(path);
  return text === undefined ? undefined : new Map(
    [...text.matchAll(/^\d+:([^:\n]*):(.*)$/gm)].map((
      [, controllers = "", path = ""],
    ) => [controllers, path]),
  );
}

/** Returns a file of a process; undefined if the process has ended. */
function readProc(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (isGone(error) || errnoNameOf(error) === "ESRCH") return undefined;
    throw error;
  }
}

/** Returns the parent's pid (proc_pid_status(5)); 0 where there is none. */
function parentOf(path: string): number {
  return Number(/^PPid:\t(\d+)$/m.exec(readProc(path) ?? "")?.[1] ?? 0);
}

/** Returns whether a cgroup is the root, or has in it or below it a process whose cgroup is given. */
function isShared(path: string, ...others: readonly (string | undefined)[]): boolean {
  return path === "/" ||
    others.some((other) => other === path || other?.startsWith(`${path}/`) === true);
}

function locate(
  path: string,
  names: readonly string[],
  hierarchies: readonly Hierarchy[],
): string | undefined {
  // `/..` is outside of this cgroup namespace; a cgroup that is removed is no longer at its path.
  if (path.startsWith("/..") || path.endsWith(" (deleted)")) return undefined;
  for (const { names: has, root, mountPoint } of hierarchies) {
    if (!names.every((name) => has.includes(name))) continue;
    if (root === "/") return mountPoint + path;
    if (path.startsWith(`${root}/`)) return mountPoint + path.slice(root.length);
  }
  return undefined;
}
