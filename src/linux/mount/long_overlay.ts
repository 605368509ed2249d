// SPDX-License-Identifier: MIT
import { fdPath, O_PATH, OwnedFd, readAvailable } from "../fd/fd.ts";
import { E2BIG, EINVAL, ENOSYS, isErrno, LinuxError } from "../libc/errno.ts";
import { check, cstring, lazyLibc } from "../libc/libc.ts";
import { attachMount } from "./detached.ts";
import * as ms from "./options.ts";

// By number, as move_mount(2); they are there since Linux 5.2.
const libc = lazyLibc({
  fsopen: {
    name: "syscall",
    parameters: [
      /* long number */ "i32",
      /* const char *fsname */ "buffer",
      /* unsigned int flags */ "u32",
    ],
    result: "i32",
  },
  fsconfig: {
    name: "syscall",
    parameters: [
      /* long number */ "i32",
      /* int fd */ "i32",
      /* unsigned int cmd */ "u32",
      /* const char *key */ "buffer",
      /* const void *value */ "buffer",
      /* int aux */ "i32",
    ],
    result: "i32",
  },
  fsmount: {
    name: "syscall",
    parameters: [
      /* long number */ "i32",
      /* int fd */ "i32",
      /* unsigned int flags */ "u32",
      /* unsigned int attr_flags */ "u32",
    ],
    result: "i32",
  },
});

const SYS_fsopen = 430, SYS_fsconfig = 431, SYS_fsmount = 432;
// include/uapi/linux/mount.h
const FSOPEN_CLOEXEC = 1, FSMOUNT_CLOEXEC = 1;
const FSCONFIG_SET_FLAG = 0, FSCONFIG_SET_STRING = 1, FSCONFIG_CMD_CREATE = 6;

/** Attributes of a mount (MOUNT_ATTR_*, include/uapi/linux/mount.h) by the flags of mount(2). */
const ATTRIBUTES: readonly (readonly [flag: number, attribute: number])[] = [
  [ms.MS_RDONLY, 1],
  [ms.MS_NOSUID, 2],
  [ms.MS_NODEV, 4],
  [ms.MS_NOEXEC, 8],
  [ms.MS_NOATIME, 0x10],
  [ms.MS_STRICTATIME, 0x20],
  [ms.MS_NODIRATIME, 0x80],
  [ms.MS_NOSYMFOLLOW, 0x200000],
];

/** Options of the file system itself, by the flags of mount(2). */
const FILE_SYSTEM_FLAGS: readonly (readonly [flag: number, name: string])[] = [
  [ms.MS_RDONLY, "ro"],
  [ms.MS_SYNCHRONOUS, "sync"],
  [ms.MS_DIRSYNC, "dirsync"],
  [ms.MS_LAZYTIME, "lazytime"],
];

/** The longest string that fsconfig(2) takes, in bytes with its NUL. */
const MAX_STRING = 256;

/** An overlay whose options mount(2) has no room for. */
export interface LongOverlay {
  /** The lower directories, the topmost first. */
  readonly lowers: readonly string[];
  /** The other options, each `key` or `key=value`. */
  readonly others: readonly string[];
}

/** Reads the options of an overlay as mount(2) takes them; undefined where there is no `lowerdir`. */
export function parseLongOverlay(data: string): LongOverlay | undefined {
  const options = split(data, ",");
  const lowerdir = options.find((option) => option.startsWith("lowerdir="));
  if (lowerdir === undefined) return undefined;
  const lowers = split(lowerdir.slice("lowerdir=".length), ":");
  // Two colons in a row begin the layers of data alone, which are set otherwise.
  if (lowers.length === 0 || /(?<!\\)::/.test(lowerdir)) return undefined;
  return {
    lowers: lowers.map(ms.unescapeOverlayPath),
    others: options.filter((option) => option !== lowerdir),
  };
}

/** Splits where the separator is not escaped (Documentation/filesystems/overlayfs.rst). */
function split(text: string, separator: "," | ":"): string[] {
  return text.match(separator === "," ? /(?:\\.|[^,])+/gs : /(?:\\.|[^:])+/gs) ?? [];
}

/**
 * Mounts an overlay one lower directory at a time, by fsopen(2) and its kin, for which the kernel's
 * limit is 500 of them (OVL_MAX_STACK, fs/overlayfs/params.h).
 *
 * @param flags `MS_*` of mount(2).
 * @throws LinuxError E2BIG on a kernel that cannot do it: it takes Linux 6.8 (overlayfs.rst,
 *   "lowerdir+"); with the kernel's own message otherwise.
 */
export function mountLongOverlay(
  { lowers, others }: LongOverlay,
  source: string,
  target: string,
  flags: number,
): void {
  const what = `overlay of ${lowers.length} lower directories on ${target}`;
  try {
    using context = new OwnedFd(
      check(() => libc().fsopen(SYS_fsopen, cstring("overlay"), FSOPEN_CLOEXEC), "fsopen", what),
    );
    const set = (key: string, value?: string) => {
      const cmd = value === undefined ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING;
      configure(context.fd, what, cmd, key, value);
    };
    set("source", source);
    for (const lower of lowers) setPath(set, "lowerdir+", lower);
    for (const option of others) {
      const at = option.indexOf("=");
      if (at < 0) set(option);
      else setPath(set, option.slice(0, at), ms.unescapeOverlayPath(option.slice(at + 1)));
    }
    for (const [flag, name] of FILE_SYSTEM_FLAGS) if ((flags & flag) !== 0) set(name);
    configure(context.fd, what, FSCONFIG_CMD_CREATE);
    const attributes = ATTRIBUTES.reduce((all, [flag, bit]) => flags & flag ? all | bit : all, 0);
    using tree = new OwnedFd(
      check(
        () => libc().fsmount(SYS_fsmount, context.fd, FSMOUNT_CLOEXEC, attributes),
        "fsmount",
        what,
      ),
    );
    attachMount(tree.fd, target, what);
  } catch (error) {
    throw explainOldKernel(error, what);
  }
}

/**
 * Messages of kernels that lack `lowerdir+`, by fsconfig(2): of those to whom overlays are new
 * there (Linux 6.5), and those where all options have to fit in a page together, as for mount(2)
 * (legacy_parse_param, fs/fs_context.c).
 */
const UNKNOWN_OPTION = /unknown parameter 'lowerdir\+'|VFS: Legacy: /i;

/**
 * Returns the error of an overlay that could not be mounted: one that says what it takes, where the
 * kernel is too old for the calls (Linux 5.2) or for the option; else the same.
 */
export function explainOldKernel(error: unknown, what: string): unknown {
  const old = isErrno(error, ENOSYS) ||
    (isErrno(error, EINVAL) && UNKNOWN_OPTION.test(error.message));
  if (!old) return error;
  const needed = `that many take Linux 6.8 or later, and this is ${Deno.osRelease()}`;
  return new LinuxError(E2BIG, "mount", `${what}: ${needed}`, { cause: error });
}

function configure(fd: number, what: string, cmd: number, key?: string, value?: string): void {
  const name = key === undefined ? null : cstring(key);
  const text = value === undefined ? null : cstring(value);
  try {
    check(() => libc().fsconfig(SYS_fsconfig, fd, cmd, name, text, 0), "fsconfig", what);
  } catch (error) {
    const why = messages(fd);
    if (!(error instanceof LinuxError) || why === "") throw error;
    throw new LinuxError(error.errno, "mount", `${what}: ${why}`, { cause: error });
  }
}

/**
 * Returns the kernel's message on a failure, which it hands out by read(2): `e overlay: …` lines.
 */
function messages(fd: number): string {
  const buffer = new Uint8Array(4096);
  try {
    const count = readAvailable(fd, buffer) ?? 0;
    const text = new TextDecoder().decode(buffer.subarray(0, count));
    return text.trim().replace(/^[ewi] /, "");
  } catch (error) {
    // ENODATA: it says nothing.
    if (error instanceof LinuxError) return "";
    throw error;
  }
}

/**
 * Sets an option whose value may be a path. One that fsconfig(2) has no room for, or in which overlayfs
 * would look for escapes, is passed by an fd: layers are opened as they are set.
 */
function setPath(set: (key: string, value: string) => void, key: string, value: string): void {
  const plain = !/[\\,:]/.test(value) && cstring(value).length <= MAX_STRING;
  if (plain || !value.startsWith("/")) return set(key, value);
  using place = OwnedFd.open(value, O_PATH);
  set(key, fdPath(place.fd));
}
