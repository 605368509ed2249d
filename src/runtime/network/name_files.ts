// SPDX-License-Identifier: MIT
import { isExhausted } from "../../linux/libc/errno.ts";
import { setHosts } from "../../network/hosts_file.ts";
import { type NetworkRecord, resultOf } from "../../network/record.ts";
import { readDns, serversWithoutIpv6, setDns } from "../../network/resolv_file.ts";
import { messageOf } from "../../error_text.ts";
import { FailedPreconditionError, ResourceExhaustedError } from "../../rpc/errors.ts";
import { addressesOf, gatewaysOf } from "./addresses.ts";
import type { NetworkPlan } from "./plan.ts";

/**
 * Writes the result of a container's network into the files that name hosts for it: its addresses into
 * the hosts file, the DNS settings of plugins into resolv.conf.
 *
 * @throws {ResourceExhaustedError} if the disk is full.
 * @throws {FailedPreconditionError} if a file cannot be written for another reason.
 */
export function writeNameFiles({ id, hosts, resolv }: NetworkPlan, record: NetworkRecord): void {
  if (hosts !== undefined) {
    writeInto(id, "its addresses into the hosts file", () => {
      setHosts(hosts.path, hosts.names, addressesOf(record), gatewaysOf(record));
    });
  }
  if (resolv !== undefined) {
    writeInto(id, "its DNS settings into resolv.conf", () => addDns(resolv, record));
  }
}

/**
 * Sets the DNS settings that plugins gave, but those that the params give. Where neither gives servers,
 * those are left out that the container does not reach.
 */
function addDns(
  { path, given }: NonNullable<NetworkPlan["resolv"]>,
  record: NetworkRecord,
): void {
  const { servers, searches, options } = readDns(record.attachments.map(resultOf));
  const reached = servers.length === 0 && hasOnlyIpv4(record) ? serversWithoutIpv6 : () => servers;
  setDns(path, {
    servers: given.servers === undefined ? reached(path) : [],
    searches: given.searches === undefined ? searches : [],
    options: given.options === undefined ? options : [],
  });
}

/** Returns whether it has addresses, none of IPv6. One without any may get some by itself. */
function hasOnlyIpv4(record: NetworkRecord): boolean {
  const addresses = addressesOf(record);
  return addresses.length > 0 && !addresses.some((address) => address.includes(":"));
}

/**
 * Writes into a file of the caller's.
 *
 * @throws {ResourceExhaustedError} if the disk is full.
 * @throws {FailedPreconditionError} if it cannot be done for another reason.
 */
function writeInto(id: string, what: string, write: () => void): void {
  try {
    write();
  } catch (error) {
    const Failure = isExhausted(error) ? ResourceExhaustedError : FailedPreconditionError;
    throw new Failure(
      `container ${id}: cannot write ${what}: ${messageOf(error)}`,
      { cause: error, data: { id } },
    );
  }
}
