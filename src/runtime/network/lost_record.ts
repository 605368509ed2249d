// SPDX-License-Identifier: MIT
import type { Conflist } from "../../network/conflist.ts";
import { leasesOf } from "../../network/host_local.ts";
import type { AttachmentPlan, AttachmentRecord, NetworkRecord } from "../../network/record.ts";
import { newRecord } from "../../network/record.ts";
import type { CniResult } from "../../network/result.ts";
import type { NetworkPlan } from "./plan.ts";

/** The facts from which {@linkcode recordOfLost} makes a record. */
export interface LostRecord {
  readonly id: string;
  readonly instance: string;
  /** Path of the network namespace. */
  readonly namespace: string;
  /** The network that the container was to get; undefined if that is not known either. */
  readonly plan: NetworkPlan | undefined;
  /** The networks that there are. */
  readonly networks: readonly Conflist[];
}

/**
 * Returns a record in the place of one that cannot be read, by which the network can be removed: every
 * plugin of its networks is run, with the addresses that host-local says. Where the networks are not
 * known, they are those in which the container has an address.
 */
export function recordOfLost(lost: LostRecord): NetworkRecord {
  const { plan, networks, namespace } = lost;
  const planned = plan?.attachments ??
    networks.map((conflist) => ({ conflist, ifname: "eth0", runtimeConfig: {} }));
  const record = newRecord(lost, planned, plan?.ports ?? []);
  const attachments = planned.map((attachment): AttachmentRecord => {
    const addresses = leasesOf(attachment.conflist, record.containerId);
    const run = plan !== undefined || addresses.length > 0;
    const result = resultOf(attachment, addresses, namespace);
    const steps = run ? attachment.conflist.plugins.map(() => ({ done: true, result })) : [];
    return { ...attachment, steps };
  });
  return { ...record, attachments, removing: "begun" };
}

/** Returns the result of the last plugin, as it would have been: CNI specification, "ADD Success". */
function resultOf(
  { conflist: { cniVersion }, ifname }: AttachmentPlan,
  addresses: readonly string[],
  namespace: string,
): CniResult | undefined {
  if (addresses.length === 0) return undefined;
  return {
    cniVersion,
    interfaces: [{ name: ifname, sandbox: namespace }],
    ips: addresses.map((address) => {
      const v6 = address.includes(":");
      const whole = `${address}/${v6 ? 128 : 32}`;
      // Before 1.0.0 the family is given.
      return cniVersion.startsWith("0.")
        ? { version: v6 ? "6" : "4", interface: 0, address: whole }
        : { interface: 0, address: whole };
    }),
    dns: {},
  };
}
