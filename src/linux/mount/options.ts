// SPDX-License-Identifier: MIT
// Parses the options of a mount, and escapes what is in them.

/** Flags of mount(2), include/uapi/linux/mount.h. */
export const MS_RDONLY = 1 << 0,
  MS_NOSUID = 1 << 1,
  MS_NODEV = 1 << 2,
  MS_NOEXEC = 1 << 3,
  MS_SYNCHRONOUS = 1 << 4,
  MS_REMOUNT = 1 << 5,
  MS_MANDLOCK = 1 << 6,
  MS_DIRSYNC = 1 << 7,
  MS_NOSYMFOLLOW = 1 << 8,
  MS_NOATIME = 1 << 10,
  MS_NODIRATIME = 1 << 11,
  MS_BIND = 1 << 12,
  MS_REC = 1 << 14,
  MS_SILENT = 1 << 15,
  MS_UNBINDABLE = 1 << 17,
  MS_PRIVATE = 1 << 18,
  MS_SLAVE = 1 << 19,
  MS_SHARED = 1 << 20,
  MS_RELATIME = 1 << 21,
  MS_STRICTATIME = 1 << 24,
  MS_LAZYTIME = 1 << 25;

const ATIME = MS_NOATIME | MS_RELATIME | MS_STRICTATIME;

/**
 * The flags that each option of mount(8) sets and clears; of two that contradict, the later wins.
 */
const FLAGS: Readonly<Record<string, readonly [set: number, clear: number]>> = {
  defaults: [0, 0],
  ro: [MS_RDONLY, 0],
  rw: [0, MS_RDONLY],
  nosuid: [MS_NOSUID, 0],
  suid: [0, MS_NOSUID],
  nodev: [MS_NODEV, 0],
  dev: [0, MS_NODEV],
  noexec: [MS_NOEXEC, 0],
  exec: [0, MS_NOEXEC],
  sync: [MS_SYNCHRONOUS, 0],
  async: [0, MS_SYNCHRONOUS],
  dirsync: [MS_DIRSYNC, 0],
  mand: [MS_MANDLOCK, 0],
  nomand: [0, MS_MANDLOCK],
  nosymfollow: [MS_NOSYMFOLLOW, 0],
  symfollow: [0, MS_NOSYMFOLLOW],
  noatime: [MS_NOATIME, ATIME],
  atime: [0, MS_NOATIME],
  relatime: [MS_RELATIME, ATIME],
  norelatime: [0, MS_RELATIME],
  strictatime: [MS_STRICTATIME, ATIME],
  nostrictatime: [0, MS_STRICTATIME],
  nodiratime: [MS_NODIRATIME, 0],
  diratime: [0, MS_NODIRATIME],
  lazytime: [MS_LAZYTIME, 0],
  nolazytime: [0, MS_LAZYTIME],
  silent: [MS_SILENT, 0],
  loud: [0, MS_SILENT],
  remount: [MS_REMOUNT, 0],
  bind: [MS_BIND, 0],
  rbind: [MS_BIND | MS_REC, 0],
};

/** Options that change the propagation, which takes a mount(2) call of its own. */
const PROPAGATION: Readonly<Record<string, number>> = {
  shared: MS_SHARED,
  rshared: MS_SHARED | MS_REC,
  private: MS_PRIVATE,
  rprivate: MS_PRIVATE | MS_REC,
  slave: MS_SLAVE,
  rslave: MS_SLAVE | MS_REC,
  unbindable: MS_UNBINDABLE,
  runbindable: MS_UNBINDABLE | MS_REC,
};

/** Options of fstab(5) that tell mount(8) what to do and mean nothing to the kernel. */
const USERSPACE = /^(?:(?:no)?auto|nofail|_netdev|nouser|noowner|nogroup|comment=.*|[xX]-.*)$/;

/** The options of one mount, as mount(2) wants them. */
export interface MountOptions {
  /** `MS_*` to set, without propagation. */
  readonly set: number;
  /** `MS_*` that the options ask not to be set: what a bind mount then does not inherit. */
  readonly clear: number;
  /** `MS_*` of each change of propagation, in order. */
  readonly propagation: readonly number[];
  /** Everything else, comma-separated: the file system's own options. */
  readonly data: string;
}

/**
 * Parses options as mount(8) takes them after `-o`. Each string may hold several, separated by
 * commas; a comma that is escaped (`\,`, as overlay wants in paths) or inside double quotes (as
 * SELinux contexts have) does not separate.
 */
export function parseMountOptions(options: readonly string[]): MountOptions {
  let set = 0, clear = 0;
  const propagation: number[] = [], data: string[] = [];
  for (const option of options.flatMap(splitOptions)) {
    const flag = Object.hasOwn(FLAGS, option) ? FLAGS[option] : undefined;
    const change = Object.hasOwn(PROPAGATION, option) ? PROPAGATION[option] : undefined;
    if (flag !== undefined) {
      set = (set & ~flag[1]) | flag[0];
      clear = (clear & ~flag[0]) | flag[1];
    } else if (change !== undefined) propagation.push(change);
    else if (!USERSPACE.test(option)) data.push(option);
  }
  return { set, clear: clear & ~set, propagation, data: data.join(",") };
}

/** Returns whether one of the options says how the mount propagates. */
export function hasPropagation(options: readonly string[]): boolean {
  return options.flatMap(splitOptions).some((option) => Object.hasOwn(PROPAGATION, option));
}

/**
 * Returns whether mount(8) knows the option for every file system; else it is one of a file
 * system's own.
 */
export function isMountOption(option: string): boolean {
  return Object.hasOwn(FLAGS, option) || Object.hasOwn(PROPAGATION, option) ||
    USERSPACE.test(option);
}

/** Splits options at the commas that separate them; see {@linkcode parseMountOptions}. */
export function splitOptions(options: string): string[] {
  return options.match(/(?:\\.|"[^"]*"|[^,])+/gs) ?? [];
}

/**
 * Returns a path as an option of overlay has it: commas, colons and backslashes are escaped
 * (Documentation/filesystems/overlayfs.rst).
 */
export function escapeOverlayPath(path: string): string {
  return path.replaceAll(/[\\,:]/g, "\\$&");
}

/** Takes {@linkcode escapeOverlayPath} back. */
export function unescapeOverlayPath(path: string): string {
  return path.replaceAll(/\\(.)/gs, "$1");
}
