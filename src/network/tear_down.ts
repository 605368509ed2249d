// SPDX-License-Identifier: MIT
// Removes a container's network by its record.
import { getLogger } from "@logtape/logtape";
import { failpointAsync } from "../failpoint.ts";
import { exists } from "../linux/fs/exists.ts";
import { ifThere } from "../linux/fs/if_there.ts";
import { EINVAL, ENOENT, isErrno } from "../linux/libc/errno.ts";
import { hasInterface } from "../linux/net/interface.ts";
import { unmount } from "../linux/mount/unmount.ts";
import { messageOf } from "../error_text.ts";
import { pluginMessage } from "./plugin_errors.ts";
import { releaseLeases } from "./host_local.ts";
import { removeRules } from "./iptables.ts";
import type { PluginRuns } from "./plugin_runs.ts";
import { endPluginRuns } from "./plugin_runs.ts";
import type { PluginHost } from "./plugin.ts";
import { runPlugin } from "./plugin.ts";
import type { AttachmentRecord, NetworkPaths, NetworkRecord } from "./record.ts";
import { isUncertain, resultOf, writeRecord } from "./record.ts";
import { isMember } from "./result.ts";
import { pluginConfig } from "./set_up.ts";

/** Plugins that make no rule of iptables; `bridge` and `ptp` do with `ipMasq`. */
const NO_RULE_MAKERS = [
  ...["bandwidth", "bridge", "dummy", "host-device", "ipvlan", "loopback", "macvlan", "ptp", "sbr"],
  ...["tap", "tuning", "vlan", "vrf"],
];

/** How long a plugin may go on that a dead process has started, in milliseconds. */
const ORPHAN_GRACE = 5_000;

/**
 * Removes a container's network by its record alone, whatever state it is in. A network that is gone is no
 * error. Each step can be repeated, so that after a failure this is called again. The namespace is
 * kept until every plugin has removed what it made: `bridge` finds by the addresses in there which
 * rules to remove.
 *
 * @param record Undefined if nothing of the network was begun, or nothing is left.
 * @throws {BerthError} as {@linkcode runPlugin}.
 */
export async function tearDown(
  host: PluginHost,
  paths: NetworkPaths,
  record: NetworkRecord | undefined,
): Promise<void> {
  if (record === undefined) {
    // Only ever before the first step, or after the last.
    if (exists(paths.dir)) await removeFiles(paths);
    return;
  }
  if (record.removing !== "detached") await detachAll(host, paths, record);
  await removeFiles(paths);
}

async function detachAll(
  host: PluginHost,
  paths: NetworkPaths,
  record: NetworkRecord,
): Promise<void> {
  const { attachments, containerId } = record;
  // After a reboot, where the state directory is on a disk, say.
  const netns = isPinned(paths) ? paths.namespace : "";
  const uncertain = isUncertain(record) || netns === "";
  const runs = { containerId, lock: paths.lock };
  if (uncertain) await endPluginRuns(runs, ORPHAN_GRACE);
  // Of a record that was lost nothing may be there.
  Deno.mkdirSync(paths.dir, { recursive: true, mode: 0o700 });
  writeRecord(paths, { ...record, removing: "begun" });
  await failpointAsync("network.removing");
  let gone = false;
  const isRepeated = record.removing !== undefined;
  for (const attachment of attachments.toReversed()) {
    if (await detach(host, { id: record.id, runs, netns, isRepeated }, attachment)) gone = true;
  }
  const isInDoubt = uncertain || gone;
  if (isInDoubt || attachments.some(mayMakeRules)) {
    await removeRules(host, runs, attachments.map(({ conflist }) => conflist.name));
  }
  if (isInDoubt) {
    for (const { conflist } of attachments) await releaseLeases(conflist, containerId);
  }
  writeRecord(paths, { ...record, removing: "detached" });
}

/**
 * Returns whether the namespace is pinned: a mount is of another device than the directory that it
 * is in.
 */
export function isPinned({ dir, namespace }: NetworkPaths): boolean {
  return ifThere(() => Deno.statSync(namespace).dev !== Deno.statSync(dir).dev) ?? false;
}

/**
 * Returns whether a plugin of the network may make rules of iptables. `bridge` and `ptp` remove only
 * those of the addresses that they find on the interface (containernetworking/plugins#810), and a
 * container may be allowed to change these, up to the moment in which the plugin looks. A plugin that is
 * not known here may run `bridge` with a configuration of its own making, as `flannel` does.
 */
function mayMakeRules({ conflist }: AttachmentRecord): boolean {
  return conflist.plugins.some((plugin) =>
    !NO_RULE_MAKERS.includes(plugin.type) ||
    Object.entries(plugin).some(([key, value]) => value === true && isMember(key, "ipMasq"))
  );
}

/** The network that {@linkcode detach} takes part of away. */
interface Detaching {
  /** The container's id. */
  readonly id: string;
  readonly runs: PluginRuns;
  /** Path of the namespace; empty where it is gone. */
  readonly netns: string;
  /** Whether the removal was tried before. */
  readonly isRepeated: boolean;
}

/**
 * Runs an attachment's plugins, the last one first; one that has never added and fails to remove is run
 * once more after the others. Returns whether one failed whose interface was not there: what else it
 * made is to be looked for.
 */
async function detach(
  host: PluginHost,
  { id, runs, netns, isRepeated }: Detaching,
  attachment: AttachmentRecord,
): Promise<boolean> {
  const { conflist, ifname, steps } = attachment;
  let gone = false;
  // Before 0.4.0 a DEL has none: CNI specification 0.3.1, "Network Configuration".
  const result = conflist.cniVersion.startsWith("0.3.") ? undefined : resultOf(attachment);
  const begun = conflist.plugins.slice(0, steps.length);
  const left = begun.map((plugin, index) => ({ plugin, index, again: false })).toReversed();
  for (const { plugin, index, again } of left) {
    await failpointAsync("network.del");
    const target = { id, network: conflist.name, plugin: plugin.type };
    try {
      await runPlugin(host, {
        ...target,
        command: "DEL",
        runs,
        netns,
        ifname,
        config: pluginConfig(attachment, plugin, result),
      });
    } catch (error) {
      const failure = pluginMessage(error, target, "DEL");
      if (failure === undefined) throw error;
      const failedToAdd = steps[index]?.failure;
      // A plugin that refuses its configuration in the same words whenever it is run has made nothing, and
      // never will remove anything. Leases and rules of an ADD that failed are looked for besides.
      if (failure !== failedToAdd) {
        const there = netns !== "" && hasInterface(netns, ifname);
        // It may fail for a reason that passes, such as a service that is asked for addresses.
        if (!there && !isRepeated && !again) throw error;
        // One that has added something is tried until it succeeds, before the others are run. One that
        // has failed to add waits for them: they remove the interface.
        if (there && (failedToAdd === undefined || index === 0 || again)) throw error;
        if (there) left.push({ plugin, index, again: true });
        // `host-device` and `sbr` fail without the interface, also where an earlier DEL has removed it.
        else gone = true;
        getLogger(["berth", "network"]).warn(
          there
            ? "{reason}; {ifname} is removed first, going on"
            : "{reason}; {ifname} is not there, going on",
          { id, ifname, reason: messageOf(error) },
        );
      }
    }
    await failpointAsync("network.deleted");
  }
  return gone;
}

async function removeFiles(paths: NetworkPaths): Promise<void> {
  await failpointAsync("network.unpin");
  try {
    // Detached: a plugin that was killed a moment ago may still have it open.
    for (;;) unmount(paths.namespace, { detach: true });
  } catch (error) {
    if (!isErrno(error, EINVAL, ENOENT)) throw error;
  }
  await failpointAsync("network.unpinned");
  Deno.removeSync(paths.dir, { recursive: true });
}
