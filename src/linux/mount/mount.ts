// SPDX-License-Identifier: MIT
import { EINVAL, ENOENT, ENOSYS, ENOTDIR, isErrno, LinuxError } from "../libc/errno.ts";
import { check, cstring, lazyLibc, retry } from "../libc/libc.ts";
import * as ms from "./options.ts";
import { readMountInfo, unmountOrder } from "./mountinfo.ts";

const libc = lazyLibc({
  mount: {
    parameters: [
      /* const char *source */ "buffer",
      /* const char *target */ "buffer",
      /* const char *filesystemtype */ "buffer",
      /* unsigned long mountflags */ "u64",
      /* const void *data */ "buffer",
    ],
    result: "i32",
  },
  umount2: {
    parameters: [/* const char *target */ "buffer", /* int flags */ "i32"],
    result: "i32",
  },
});

const queryLibc = lazyLibc({
  statfs: {
    parameters: [/* const char *path */ "buffer", /* struct statfs *buf */ "buffer"],
    result: "i32",
  },
  statx: {
    parameters: [
      /* int dirfd */ "i32",
      /* const char *path */ "buffer",
      /* int flags */ "i32",
      /* unsigned int mask */ "u32",
      /* struct statx *statxbuf */ "buffer",
    ],
    result: "i32",
  },
  sysconf: { parameters: [/* int name */ "i32"], result: "i64" },
});

const E2BIG = 7;

// umount2(2) flags, include/linux/fs.h.
const MNT_FORCE = 1, MNT_DETACH = 2, UMOUNT_NOFOLLOW = 8;

/** What to mount where, as in the OCI spec and `container.create`'s rootfs. */
export interface MountSpec {
  /** File system type; without meaning for a bind mount. */
  readonly type?: string;
  /** What is mounted; the type stands in where it is empty. */
  readonly source?: string;
  /** Existing path, taken as it is: see {@linkcode resolveIn} for a path inside a rootfs. */
  readonly target: string;
  /** As mount(8) takes them; what is no flag goes to the file system. */
  readonly options?: readonly string[];
}

/**
 * Makes a mount. Wholly or not at all: where a later step fails (read-only, propagation), the mount
 * is taken away again.
 *
 * A bind mount is asked for by type or by option. Flags beside it need a second call, for the kernel
 * ignores them in the first; what the source's mount forbids already (nosuid, …) stays forbidden
 * unless the options ask otherwise. As in mount(8), `rbind,ro` makes only the top mount read-only.
 * Options of propagation alone, with neither type nor source, change the mount that is at `target`.
 *
 * @throws LinuxError whose message has source and target; E2BIG when the file system's options do
 *   not fit in the page that mount(2) takes; EINVAL for an option that a bind mount does not know
 */
export function mount(spec: MountSpec): void {
  const options = ms.parseMountOptions(spec.options ?? []);
  const call = new MountCall(spec, options.data);
  const bind = spec.type === "bind" || (options.set & ms.MS_BIND) !== 0;
  const flags = options.set & ~(ms.MS_BIND | ms.MS_REC);
  if (bind && options.data !== "") {
    // The kernel would ignore it, and the caller would believe in it.
    throw new LinuxError(EINVAL, "mount", `${call.what}: not for a bind mount`);
  }
  if (isPropagationOnly(spec, options)) return call.propagate(options.propagation);
  if ((flags & ms.MS_REMOUNT) !== 0) {
    call.run(bind ? flags | ms.MS_BIND : flags);
    return call.propagate(options.propagation);
  }
  call.run(bind ? ms.MS_BIND | (options.set & ms.MS_REC) : flags);
  try {
    if (bind && flags !== 0) {
      const kept = currentFlags(spec.target) & ~options.clear;
      call.run(ms.MS_REMOUNT | ms.MS_BIND | flags | kept);
    }
    call.propagate(options.propagation);
  } catch (error) {
    // Its result is left unseen: the first error is what the caller has to know.
    libc().umount2(cstring(spec.target), MNT_DETACH);
    throw error;
  }
}

function isPropagationOnly(spec: MountSpec, options: ms.MountOptions): boolean {
  const given = (text: string | undefined) => text !== undefined && text !== "" && text !== "none";
  return options.propagation.length > 0 && options.set === 0 && options.data === "" &&
    !given(spec.type) && !given(spec.source);
}

/** mount(2) with everything but the flags fixed. */
class MountCall {
  /** Source and target as they stand in an error. */
  readonly what: string;
  readonly #source: Uint8Array<ArrayBuffer>;
  readonly #target: Uint8Array<ArrayBuffer>;
  readonly #type: Uint8Array<ArrayBuffer>;
  readonly #data: Uint8Array<ArrayBuffer> | null;

  constructor({ type = "", source = "", target }: MountSpec, data: string) {
    const from = source || type || "none";
    this.what = data === "" ? `${from} on ${target}` : `${from} on ${target} (${type}, ${data})`;
    this.#source = cstring(from);
    this.#target = cstring(target);
    this.#type = cstring(type);
    this.#data = data === "" ? null : cstring(data);
    // The kernel takes one page, NUL included, and cuts off what is longer without a word.
    const length = this.#data?.length ?? 0;
    if (length > 4096 && length > pageSize()) {
      const what = `${from} on ${target}: ${length - 1} bytes of options, ` +
        `mount(2) takes at most ${pageSize() - 1}`;
      throw new LinuxError(E2BIG, "mount", what);
    }
  }

  run(flags: number): void {
    const result = libc().mount(
      this.#source,
      this.#target,
      this.#type,
      BigInt(flags),
      this.#data,
    );
    check(result, "mount", this.what);
  }

  propagate(changes: readonly number[]): void {
    for (const change of changes) this.run(change);
  }
}

function pageSize(): number {
  const _SC_PAGESIZE = 30;
  return Number(queryLibc().sysconf(_SC_PAGESIZE));
}

/** The flags of a mount that a bind remount would drop, from `f_flags` of statfs(2). */
function currentFlags(path: string): number {
  const buffer = new Uint8Array(120);
  retry(() => queryLibc().statfs(cstring(path), buffer), "statfs", path);
  const flags = Number(new DataView(buffer.buffer).getBigUint64(80, true));
  // ST_RDONLY … ST_NOEXEC are numbered as MS_*; ST_NOSYMFOLLOW (include/linux/statfs.h) is not.
  // The kernel itself keeps the kind of atime in a remount that names none.
  const same = ms.MS_RDONLY | ms.MS_NOSUID | ms.MS_NODEV | ms.MS_NOEXEC;
  const ST_NOSYMFOLLOW = 0x2000;
  return (flags & same) | ((flags & ST_NOSYMFOLLOW) !== 0 ? ms.MS_NOSYMFOLLOW : 0);
}

/** Options of {@linkcode unmount}. */
export interface UnmountOptions {
  /** Takes the mount out of sight at once and ends it when nobody uses it (MNT_DETACH). */
  readonly detach?: boolean;
  /** Aborts what waits for a dead server (MNT_FORCE; network file systems and FUSE). */
  readonly force?: boolean;
}

/**
 * Unmounts the topmost mount at `target`; a symlink there is not followed.
 *
 * @throws LinuxError EBUSY while in use; EINVAL when nothing is mounted there; ENOENT
 */
export function unmount(target: string, options: UnmountOptions = {}): void {
  const flags = UMOUNT_NOFOLLOW | (options.detach ? MNT_DETACH : 0) |
    (options.force ? MNT_FORCE : 0);
  const name = cstring(target);
  check(libc().umount2(name, flags), "umount", target);
}

/**
 * Mount points at or below `dir`, in the order in which to unmount them; a path with two mounts on
 * each other is there twice. Empty where `dir` does not exist. Reads the whole mount table.
 */
export function mountsUnder(dir: string): string[] {
  let real: string;
  try {
    real = Deno.realPathSync(dir);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
  return unmountOrder(readMountInfo(), real);
}

/**
 * Whether something is mounted at `path` (a symlink is not followed); false where it does not
 * exist. Costs the same however many mounts there are, and does not ask a file system's server.
 *
 * @throws LinuxError EACCES, …; ENOSYS before Linux 5.8
 */
export function isMountPoint(path: string): boolean {
  const AT_FDCWD = -100, AT_SYMLINK_NOFOLLOW = 0x100, AT_NO_AUTOMOUNT = 0x800;
  const AT_STATX_DONT_SYNC = 0x4000;
  // STATX_ATTR_MOUNT_ROOT (since Linux 5.8) in stx_attributes, at 8; what is known at all, at 56.
  const mountRoot = 0x2000n;
  const buffer = new Uint8Array(256);
  const name = cstring(path);
  const flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC;
  try {
    check(queryLibc().statx(AT_FDCWD, name, flags, 0, buffer), "statx", path);
  } catch (error) {
    if (isErrno(error, ENOENT, ENOTDIR)) return false;
    throw error;
  }
  const view = new DataView(buffer.buffer);
  if ((view.getBigUint64(56, true) & mountRoot) === 0n) {
    throw new LinuxError(ENOSYS, "statx", `${path}: STATX_ATTR_MOUNT_ROOT needs Linux 5.8`);
  }
  return (view.getBigUint64(8, true) & mountRoot) !== 0n;
}
