// SPDX-License-Identifier: MIT
// The mount that `--mount`, `-v` and `--tmpfs` give, and the rules that they share.
import { InvalidArgumentError } from "commander";
import { cleanPath } from "../../../linux/fs/path_names.ts";
import {
  hasPropagation,
  isMountOption,
  MS_RDONLY,
  parseMountOptions,
} from "../../../linux/mount/options.ts";

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

/** Values of docker's `bind-recursive`: whether a bind mount has the mounts below its source, and how. */
export const BIND_RECURSIVE = ["enabled", "disabled", "writable", "readonly"] as const;

/**
 * Returns the options of a bind mount with the one that makes it such. Unless they say how it
 * propagates, it is private, as docker has it: OCI runtimes would show the container what is mounted
 * below the source later. Options of a read-only one say what becomes of the mounts below, as
 * `readOnlyMount` reads them. Throws commander's `InvalidArgumentError`.
 */
export function bindOptions(
  options: readonly string[],
  recursive: typeof BIND_RECURSIVE[number] = "enabled",
): string[] {
  const unknown = options.find((option) => !isMountOption(option) && !OCI_OPTION.test(option));
  if (unknown !== undefined) {
    throw new InvalidArgumentError(`unknown mount option ${JSON.stringify(unknown)}`);
  }
  const bound = options.some((option) => option === "bind" || option === "rbind");
  const readOnly = (parseMountOptions(options).set & MS_RDONLY) !== 0;
  if ((readOnly || options.includes("rro")) && options.includes("rrw")) {
    // Beside ro runc would make all of it writable, crun what is below.
    throw new InvalidArgumentError(
      `the mount options ${readOnly ? "ro" : "rro"} and rrw exclude each other`,
    );
  }
  const isTold = options.some((option) => /^(?:bind|rro)$/.test(option));
  return [
    ...bound ? [] : [recursive === "disabled" ? "bind" : "rbind"],
    ...recursive === "readonly" ? options.filter((option) => option !== "ro") : options,
    ...readOnly && !isTold && /^(?:enabled|readonly)$/.test(recursive) ? ["rro"] : [],
    ...hasPropagation(options) ? [] : ["rprivate"],
  ];
}
