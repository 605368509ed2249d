// SPDX-License-Identifier: MIT
// Mounts with mapped ids.
import { fdPath } from "../fd/fd.ts";
import { EINVAL, ENOSYS, isErrno, LinuxError } from "../libc/errno.ts";
import { check, cstring, lazyLibc } from "../libc/libc.ts";
import type { IdMaps } from "../process/user_namespace.ts";
import { parseLongOverlay } from "./long_overlay.ts";
import { changesMount, mount, type MountSpec } from "./mount.ts";
import { attachMount, cloneTree } from "./detached.ts";
import { MS_PRIVATE, splitOptions } from "./options.ts";
import { unmount } from "./unmount.ts";

// By number: glibc names it only since 2.36. It is there since Linux 5.12.
const libc = lazyLibc({
  mount_setattr: {
    name: "syscall",
    parameters: [
      /* long number */ "i32",
      /* int dirfd */ "i32",
      /* const char *path */ "buffer",
      /* unsigned int flags */ "u32",
      /* struct mount_attr *attr */ "buffer",
      /* size_t size */ "usize",
    ],
    result: "i32",
  },
});

const SYS_mount_setattr = 442;
// include/uapi/linux/fcntl.h and mount.h
const AT_EMPTY_PATH = 0x1000, AT_RECURSIVE = 0x8000;
const MOUNT_ATTR_RDONLY = 1, MOUNT_ATTR_IDMAP = 0x100000;

/**
 * Takes the options `uidmap=FILE:HOST:SIZE[,…]` and `gidmap=…`, as containerd has them, out of the
 * options of a mount. Each of the ids from FILE on, which the files have on disk, becomes the one from
 * HOST on.
 *
 * @throws LinuxError EINVAL for one that cannot be read, comes twice, or comes without the other.
 */
export function takeIdMaps(
  options: readonly string[],
): { readonly options: readonly string[]; readonly maps?: IdMaps } {
  const maps = new Map<string, string[]>();
  const others: string[] = [];
  let current: string[] | undefined;
  for (const option of options.flatMap(splitOptions)) {
    const [, name, first] = /^([ug]idmap)=(.*)$/s.exec(option) ?? [];
    if (name !== undefined && first !== undefined) {
      if (maps.has(name)) throw refusal(option, "there is one already");
      maps.set(name, current = [mapLine(option, first)]);
    } // The commas between mappings separate options, too.
    else if (current !== undefined && /^\d+:/.test(option)) current.push(mapLine(option, option));
    else {
      current = undefined;
      others.push(option);
    }
  }
  if (maps.size === 0) return { options };
  const [uids, gids] = ["uidmap", "gidmap"].map((name) => maps.get(name)?.join("\n"));
  if (uids === undefined || gids === undefined) {
    throw refusal([...maps.keys()].join(), "uidmap and gidmap go together");
  }
  return { options: others, maps: { uids, gids } };
}

function mapLine(option: string, text: string): string {
  if (!/^\d+:\d+:\d+$/.test(text)) throw refusal(option, "not FILE:HOST:SIZE");
  return text.replaceAll(":", " ");
}

function refusal(option: string, why: string): LinuxError {
  return new LinuxError(EINVAL, "mount", `${option}: ${why}`);
}

/**
 * Makes a mount whose files have other ids than on disk: an id is looked up in the user namespace as if
 * it were one inside of it. Of an overlay it is the lower directories that are mapped, for the
 * kernel maps no overlay itself; the upper one is taken as it is. On failure nothing is left.
 *
 * Everything is mounted at the target first, so that an unmount there finds what a crash has left.
 *
 * @param userNamespace An fd of the namespace.
 * @throws LinuxError as `mount`, also where the kernel or the file system cannot do it.
 */
export function mountIdmapped(spec: MountSpec, userNamespace: number): void {
  const { source = "", target, type } = spec;
  const what = `${source || type} on ${target} with mapped ids`;
  if (changesMount(spec)) throw refusal(what, "not for a mount that is there");
  const overlay = type === "overlay";
  using tree = stacked(target, (mounted) => {
    if (overlay) {
      using layers = new DisposableStack();
      const options = mapLowers(spec.options ?? [], what, (lower) => {
        const layer = layers.use(cloneTree(lower));
        // Private, or what is mounted on it would appear where the directory itself is.
        setIdMaps(layer.fd, userNamespace, lower, { readOnly: true, propagation: MS_PRIVATE });
        // Before Linux 6.15 an overlay takes no layer that is attached nowhere.
        attachMount(layer.fd, target, lower);
        mounted();
        return fdPath(layer.fd);
      });
      mountOverlay({ ...spec, options }, what);
    } else mount(spec);
    mounted();
    const tree = cloneTree(target, { recursive: true });
    if (overlay) return tree;
    try {
      setIdMaps(tree.fd, userNamespace, what, { recursive: true });
    } catch (error) {
      tree[Symbol.dispose]();
      throw error;
    }
    return tree;
  });
  attachMount(tree.fd, target, what);
}

/** Runs `call`, which tells of each mount that it makes at `target`, and takes these away again. */
function stacked<T>(target: string, call: (mounted: () => void) => T): T {
  using mounts = new DisposableStack();
  return call(() => mounts.defer(() => unmountIfMounted(target)));
}

/** Unmounts the topmost mount at a target; no error if another process has unmounted it. */
function unmountIfMounted(target: string): void {
  try {
    unmount(target, { detach: true });
  } catch (error) {
    if (!isErrno(error, EINVAL)) throw error;
  }
}

/** Returns options whose lower directories are the paths that `map` has for them. */
function mapLowers(
  options: readonly string[],
  what: string,
  map: (lower: string) => string,
): string[] {
  const split = options.flatMap(splitOptions);
  const at = split.findIndex((option) => option.startsWith("lowerdir="));
  const overlay = parseLongOverlay(split[at] ?? "");
  if (overlay === undefined) throw refusal(what, "not without lower directories in lowerdir=");
  return split.with(at, `lowerdir=${overlay.lowers.map(map).join(":")}`);
}

function mountOverlay(spec: MountSpec, what: string): void {
  try {
    mount(spec);
  } catch (error) {
    if (!isErrno(error, EINVAL)) throw error;
    const message = `${error.message}; mapped layers take Linux 5.19 or later`;
    throw new LinuxError(EINVAL, "mount", `${what}: ${message}`, { cause: error });
  }
}

/** Attributes that {@linkcode setIdMaps} sets beside the ids. */
interface IdMapOptions {
  readonly readOnly?: boolean;
  /** One of `MS_PRIVATE` and its kin. */
  readonly propagation?: number;
  /** Whether it holds for the mounts below, too. */
  readonly recursive?: boolean;
}

/** Sets the ids of a mount that is attached nowhere, mount_setattr(2). */
function setIdMaps(
  tree: number,
  userNamespace: number,
  what: string,
  { readOnly = false, propagation = 0, recursive = false }: IdMapOptions,
): void {
  const attributes = MOUNT_ATTR_IDMAP | (readOnly ? MOUNT_ATTR_RDONLY : 0);
  // struct mount_attr: attr_set, attr_clr, propagation, userns_fd
  const attr = new BigUint64Array([attributes, 0, propagation, userNamespace].map(BigInt));
  const bytes = new Uint8Array(attr.buffer);
  const flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
  const empty = cstring("");
  const set = () => libc().mount_setattr(SYS_mount_setattr, tree, empty, flags, bytes, 32n);
  try {
    check(set, "mount_setattr", what);
  } catch (error) {
    throw explainIdMaps(error, what);
  }
}

/** Returns an error that says what mapped ids take, where that is what is missing. */
function explainIdMaps(error: unknown, what: string): unknown {
  const why = isErrno(error, ENOSYS)
    ? "mapped ids take Linux 5.12 or later"
    : isErrno(error, EINVAL)
    ? "its file system does not support mapped ids on this kernel"
    : undefined;
  if (why === undefined || !(error instanceof LinuxError)) return error;
  return new LinuxError(error.errno, "mount", `${what}: ${why}`, { cause: error });
}
