// SPDX-License-Identifier: MIT
// The leases of the plugin host-local.
import { FileLock } from "../linux/fd/file_lock.ts";
import { dirEntries } from "../linux/fs/dir_entries.ts";
import { ifThere } from "../linux/fs/if_there.ts";
import { leadsNowhere } from "../linux/libc/errno.ts";
import { isRecord } from "../rpc/is_record.ts";
import type { Conflist, PluginConf } from "./conflist.ts";

/** Where host-local keeps its leases unless `dataDir` says another place. */
const DEFAULT_DIR = "/var/lib/cni/networks";

/** How long the plugin's lock is waited for, in milliseconds. */
const LOCK_BOUND = 10_000;

/**
 * Removes leases of this container that its DEL does not find because `host-local` was killed. A lease is
 * a file named after its address that holds the container's id. A plugin that was killed between making the
 * file and writing to it leaves it empty. This holds the plugin's own lock, so that no file is empty because
 * it is just being written.
 *
 * @throws the signal's reason if the lock is not to be had.
 */
export async function releaseLeases(conflist: Conflist, containerId: string): Promise<void> {
  for (const dir of leaseDirs(conflist)) {
    const isLeft = ({ owner }: Lease) => owner === "" || owner === containerId;
    // Without a lease the lock may not be to be had: on a read-only disk, say.
    if (!isDirectory(dir) || !leasesIn(dir).some(isLeft)) continue;
    using _lock = await FileLock.lock(`${dir}/lock`, { signal: AbortSignal.timeout(LOCK_BOUND) });
    for (const { path } of leasesIn(dir).filter(isLeft)) Deno.removeSync(path);
  }
}

/** Returns the addresses that this container has by `host-local`. */
export function leasesOf(conflist: Conflist, containerId: string): string[] {
  return leaseDirs(conflist).filter(isDirectory).flatMap((dir) =>
    leasesIn(dir).filter(({ owner }) => owner === containerId).map(({ address }) => address)
  );
}

/** Returns the ids of the containers that have an address below a `dataDir`, in whichever network. */
export function ownersBelow(dataDir: string): string[] {
  const owners = dirEntries(dataDir).filter(({ isDirectory }) => isDirectory)
    .flatMap(({ name }) => leasesIn(`${dataDir}/${name}`)).map(({ owner }) => owner);
  return [...new Set(owners)];
}

/** One lease. */
interface Lease {
  readonly address: string;
  readonly path: string;
  /** The container's id; empty where the plugin has not written it. */
  readonly owner: string;
}

function leasesIn(dir: string): Lease[] {
  // An address, IPv4 or IPv6; not "lock" or "last_reserved_ip.0".
  return [...Deno.readDirSync(dir)]
    .filter(({ name, isFile }) => isFile && /^[0-9a-f.:]+$/i.test(name))
    .flatMap(({ name }) => {
      const path = `${dir}/${name}`;
      // It may have gone since it was listed.
      const text = ifThere(() => Deno.readTextFileSync(path));
      if (text === undefined) return [];
      const [owner = ""] = text.split(/[\r\n]/, 1);
      return [{ address: name, path, owner: owner.trim() }];
    });
}

function leaseDirs({ name, plugins }: Conflist): string[] {
  const dirs = plugins.flatMap(({ ipam }: PluginConf) => {
    if (!isRecord(ipam) || ipam["type"] !== "host-local") return [];
    const { dataDir } = ipam;
    return [`${typeof dataDir === "string" && dataDir !== "" ? dataDir : DEFAULT_DIR}/${name}`];
  });
  return [...new Set(dirs)];
}

function isDirectory(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch (error) {
    // A path of a configuration may also lead through a file, in a circle, or be no path at all.
    if (leadsNowhere(error) || path.includes("\0")) return false;
    throw error;
  }
}
