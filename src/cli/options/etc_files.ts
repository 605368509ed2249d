// SPDX-License-Identifier: MIT
// The options and the content of a container's hosts file, hostname and resolv.conf.
import { InvalidArgumentError } from "commander";
import { fdPath } from "../../linux/fd/fd.ts";
import { ifThere } from "../../linux/fs/if_there.ts";
import { ELOOP, ENOTDIR, isErrno } from "../../linux/libc/errno.ts";
import { pathNames } from "../../linux/fs/path_names.ts";
import { endInRoot } from "../../linux/mount/end_in_root.ts";
import { openInRoot } from "../../linux/mount/open_in_root.ts";
import { isIP } from "../../linux/net/ip_address.ts";
import { HOST_GATEWAY, hostsFile, resolvConf, RESOLVED_FILE } from "../../oci/spec/etc_files.ts";
import type { MountOption } from "./mounts/mount_option.ts";

/** An entry of `--add-host`: a name and its address. */
export type HostEntry = readonly [name: string, address: string];

/** Collects docker's `NAME:ADDRESS` or `NAME=ADDRESS`. Throws commander's `InvalidArgumentError`. */
export function collectHost(text: string, previous: readonly HostEntry[] | undefined): HostEntry[] {
  const [, name = "", given = ""] = /^([^\s:=]+)[:=](.+)$/.exec(text) ?? [];
  const address = given.replace(/^\[(.*)\]$/, "$1");
  if (!isIP(address) && address !== HOST_GATEWAY) {
    throw new InvalidArgumentError(
      "expected NAME:ADDRESS, the address an IP such as 10.0.0.2, or host-gateway",
    );
  }
  return [...previous ?? [], [name, address]];
}

/** Checks an IP address. Throws commander's `InvalidArgumentError`. */
export function parseAddress(text: string): string {
  if (!isIP(text)) throw new InvalidArgumentError("expected an IP address such as 10.0.0.1");
  return text;
}

/** Returns whether a path is in what the runtime mounts, where no file can be made: not in `/dev/shm`. */
function isMountedOver(path: string): boolean {
  const [first = "", ...below] = pathNames(path);
  const isShared = below.length > 1 && below[0] === "shm";
  return ["proc", "sys"].includes(first) || (first === "dev" && !isShared);
}

/** The settings that the generated files are made from. */
export interface EtcFiles {
  readonly hostname: string;
  readonly hostNetwork: boolean;
  /** Whether the daemon adds the container's address to the hosts file. */
  readonly addressed?: boolean;
  readonly addHost?: readonly HostEntry[] | undefined;
  readonly dns?: readonly string[] | undefined;
  readonly dnsSearch?: readonly string[] | undefined;
  readonly dnsOption?: readonly string[] | undefined;
}

/** Returns the text of each file, by its path in the container. */
export function etcTexts(files: EtcFiles): Map<string, string> {
  const { hostname, hostNetwork, addressed, addHost, dns, dnsSearch, dnsOption } = files;
  const base = hostNetwork ? read("/etc/hosts") : undefined;
  const address = addressed ? null : undefined;
  const settings = { servers: dns, search: dnsSearch, options: dnsOption };
  const host = read("/etc/resolv.conf") ?? "";
  return new Map([
    ["/etc/hosts", hostsFile({ hostname, address, extra: addHost, base })],
    ["/etc/hostname", `${hostname}\n`],
    ["/etc/resolv.conf", resolvConf(host, read(RESOLVED_FILE), hostNetwork, settings)],
  ]);
}

/**
 * Writes the files into `dir` and returns the mounts that put them into the container, read-only where
 * its root is.
 */
export function writeEtcFiles(
  dir: string,
  texts: ReadonlyMap<string, string>,
  { readOnly = false }: { readonly readOnly?: boolean | undefined },
): MountOption[] {
  const options = ["bind", "rprivate", ...(readOnly ? ["ro"] : [])];
  return [...texts].map(([destination, text]) => {
    const source = writeEtcFile(dir, destination, text);
    return { type: "bind", source, destination, options };
  });
}

/** Writes one of the files into `dir`, called by the last name of `path`, and returns its path. */
export function writeEtcFile(dir: string, path: string, text: string): string {
  const source = `${dir}${path.slice(path.lastIndexOf("/"))}`;
  Deno.writeTextFileSync(source, text);
  // The container's users read them, whatever this process's umask is.
  Deno.chmodSync(source, 0o644);
  return source;
}

/**
 * Returns whether a file may be mounted at a path of the root filesystem, where links stay inside. The
 * runtime makes a missing one, which it must not where that is read-only. What is no file, or a link
 * that leads to none, in a circle or to where the runtime mounts, stays as it is: the container's
 * `/dev/null` must not become the file.
 *
 * @param mayMake whether the runtime may make a missing file in the root filesystem, and in `/dev/shm`.
 */
export function canMountOn(
  rootfs: string,
  path: string,
  mayMake: { readonly inRoot: boolean; readonly inShm: boolean },
): boolean {
  let end = path;
  try {
    end = endInRoot(rootfs, path);
    if (isMountedOver(end)) return false;
    using there = openInRoot(rootfs, path);
    return Deno.statSync(fdPath(there.fd)).isFile;
  } catch (error) {
    // Not there, or not for this user to see.
    const may = end.startsWith("/dev/") ? mayMake.inShm : mayMake.inRoot;
    return may && !isErrno(error, ELOOP, ENOTDIR);
  }
}

function read(path: string): string | undefined {
  return ifThere(() => Deno.readTextFileSync(path));
}
