// SPDX-License-Identifier: MIT
// The mount that `--mount`, `-v` and `--tmpfs` give, and the rules that they share.
import { InvalidArgumentError } from "commander";
import { cleanPath } from "../../../linux/fs/path_names.ts";
import { isMountOption } from "../../../linux/mount/options.ts";

/** A mount as the command line gives it: OCI's members. */
export interface MountOption {
  readonly type: string;
  readonly source: string;
  readonly destination: string;
  readonly options: string[];
}

/** The type of an anonymous volume, of which {@linkcode MountOption} has no source yet. */
export const VOLUME = "volume";

/** Flags that docker gives to a tmpfs; each yields to its opposite. */
const TMPFS_FLAGS = ["nosuid", "nodev", "noexec"] as const;

// Options that OCI runtimes know besides mount(8): attributes of the mounts below, and mapped ids.
const OCI_OPTION =
  /^r(?:ro|rw|(?:no)?(?:suid|dev|exec|atime|diratime|relatime|strictatime|symfollow))$|^r?idmap$/;

/** Returns whether docker takes a source for a path, and not for the name of a volume. */
export function isPath(source: string): boolean {
  return /^(?:\/|\.\.?(?:\/|$))/.test(source);
}

/** Refuses to mount on the root, as docker does. Throws commander's `InvalidArgumentError`. */
export function refuseRoot(destination: string): void {
  if (destination.startsWith("/") && cleanPath(destination) === "/") {
    throw new InvalidArgumentError("the root of the container cannot be mounted on");
  }
}

/** Returns a volume that is made for the container and goes with it. */
export function anonymousVolume(destination: string, options: readonly string[]): MountOption {
  return { type: VOLUME, source: "", destination, options: bindOptions(options) };
}

/** Returns the error of a volume that has a name, with what to do instead. */
export function noNamedVolumes(name: string): InvalidArgumentError {
  const advice = name.startsWith("/")
    ? "use type=bind for a path"
    : `bind a path in place of ${name}, such as ./${name} or /srv/${name}`;
  return new InvalidArgumentError(`berth has no named volumes: ${advice}`);
}

/** Returns the mount of `/dev/shm` with this size in bytes, otherwise as docker has it. */
export function shmMount(bytes: number): MountOption {
  return {
    type: "tmpfs",
    source: "shm",
    destination: "/dev/shm",
    options: ["nosuid", "noexec", "nodev", "mode=1777", `size=${bytes}`],
  };
}

/** Returns the options of a tmpfs with those that docker gives to each, unless they are taken back. */
export function tmpfsOptions(given: readonly string[]): string[] {
  return [...TMPFS_FLAGS.filter((flag) => !given.includes(flag.slice("no".length))), ...given];
}

/**
 * Returns the options of a bind mount with the one that makes it such. Throws commander's
 * `InvalidArgumentError`.
 */
export function bindOptions(options: readonly string[], recursive = true): string[] {
  const unknown = options.find((option) => !isMountOption(option) && !OCI_OPTION.test(option));
  if (unknown !== undefined) {
    throw new InvalidArgumentError(`unknown mount option ${JSON.stringify(unknown)}`);
  }
  const bound = options.some((option) => option === "bind" || option === "rbind");
  return bound ? [...options] : [recursive ? "rbind" : "bind", ...options];
}
