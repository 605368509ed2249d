// SPDX-License-Identifier: MIT
import { failpointAsync } from "../failpoint.ts";
import { exists } from "../linux/fs/exists.ts";
import { EINVAL, ENOENT, isErrno } from "../linux/libc/errno.ts";
import { unmount } from "../linux/mount/unmount.ts";
import { releaseLeases } from "./host_local.ts";
import { removeRules } from "./iptables.ts";
import { endPluginRuns } from "./plugin_runs.ts";
import type { PluginHost } from "./plugin.ts";
import { runPlugin } from "./plugin.ts";
import type { AttachmentRecord, NetworkPaths, NetworkRecord } from "./record.ts";
import { isUncertain, readRecord, resultOf, writeRecord } from "./record.ts";
import { pluginConfig } from "./set_up.ts";

/** How long a plugin may go on that a dead process has started, in milliseconds. */
const ORPHAN_GRACE = 5_000;

/**
 * Removes a container's network by its record alone, whatever state it is in; one that is gone is no
 * error. Each step can be repeated, so that after a failure this is called again. The namespace is
 * kept until every plugin has removed what it made: `bridge` finds by the addresses in there which
 * rules to remove.
 *
 * @throws {BerthError} as {@linkcode runPlugin}.
 */
export async function tearDown(host: PluginHost, paths: NetworkPaths): Promise<void> {
  const record = readRecord(paths);
  if (record === undefined) {
    // Only ever before the first step, or after the last.
    if (exists(paths.dir)) await removeFiles(paths);
    return;
  }
  const uncertain = isUncertain(record);
  if (uncertain) await endPluginRuns(paths.namespace, ORPHAN_GRACE);
  writeRecord(paths, { ...record, removing: true });
  await failpointAsync("network.removing");
  for (const attachment of record.attachments.toReversed()) {
    await detach(host, paths, record, attachment);
  }
  if (uncertain) {
    await removeRules(host, record.containerId);
    for (const { conflist } of record.attachments) {
      await releaseLeases(conflist, record.containerId);
    }
  }
  await removeFiles(paths);
}

async function detach(
  host: PluginHost,
  paths: NetworkPaths,
  record: NetworkRecord,
  attachment: AttachmentRecord,
): Promise<void> {
  const { conflist, ifname, steps } = attachment;
  // Before 0.4.0 a DEL has none: CNI specification 0.3.1, "Network Configuration".
  const result = conflist.cniVersion.startsWith("0.3.") ? undefined : resultOf(attachment);
  for (const plugin of conflist.plugins.slice(0, steps.length).toReversed()) {
    await failpointAsync("network.del");
    await runPlugin(host, {
      command: "DEL",
      id: record.id,
      network: conflist.name,
      plugin: plugin.type,
      containerId: record.containerId,
      netns: paths.namespace,
      ifname,
      config: pluginConfig(attachment, plugin, result),
    });
    await failpointAsync("network.deleted");
  }
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
