// SPDX-License-Identifier: MIT
import { getLogger } from "@logtape/logtape";
import { failpointAsync } from "../failpoint.ts";
import { announceAddresses } from "../linux/net/announce.ts";
import { preferFirstDefaultRoute } from "../linux/net/default_route.ts";
import { pinNewNamespace } from "../linux/net/namespace.ts";
import { letUsersBindAndPing } from "../linux/net/user_rights.ts";
import { messageOf } from "../error_text.ts";
import type { PluginConf } from "./conflist.ts";
import { pluginMessage } from "./plugin_errors.ts";
import type { PluginHost } from "./plugin.ts";
import { neverStarted, runPlugin } from "./plugin.ts";
import type { AttachmentRecord, AttachmentStep, NetworkPaths, NetworkRecord } from "./record.ts";
import { resultOf, writeRecord } from "./record.ts";
import type { CniResult } from "./result.ts";

/**
 * Makes a container's network: a pinned namespace, in which each network's plugins are run in order.
 * The record says before each step that it is begun. Where this fails or is cut short,
 * {@linkcode tearDown} removes what there is.
 *
 * @returns the record, with the plugins' results.
 * @throws {BerthError} as {@linkcode runPlugin}.
 */
export async function setUp(
  host: PluginHost,
  paths: NetworkPaths,
  planned: NetworkRecord,
): Promise<NetworkRecord> {
  Deno.mkdirSync(paths.dir, { recursive: true, mode: 0o700 });
  await failpointAsync("network.record");
  writeRecord(paths, planned);
  await failpointAsync("network.namespace");
  pinNewNamespace(paths.namespace);
  letUsers(paths, planned);
  await failpointAsync("network.pinned");
  let record = planned;
  for (const [index, { conflist }] of planned.attachments.entries()) {
    for (const plugin of conflist.plugins) {
      const add = async (step: AttachmentStep) => {
        record = withStep(record, index, step);
        writeRecord(paths, record);
        await failpointAsync(step.done ? "network.added" : "network.add");
      };
      const attachment = record.attachments[index];
      if (attachment === undefined) break;
      await add({ done: false });
      const target = { id: record.id, network: conflist.name, plugin: plugin.type };
      try {
        const result = await runPlugin(host, {
          ...target,
          command: "ADD",
          runs: { containerId: record.containerId, lock: paths.lock },
          netns: paths.namespace,
          ifname: attachment.ifname,
          config: pluginConfig(attachment, plugin, resultOf(attachment)),
        });
        await add({ done: true, result });
      } catch (error) {
        const failure = pluginMessage(error, target, "ADD");
        if (failure !== undefined) {
          writeFailure(paths, withStep(record, index, { done: false, failure }));
        } else if (neverStarted(error)) writeFailure(paths, withStep(record, index));
        throw error;
      }
    }
  }
  preferFirst(paths, record);
  announce(paths, record);
  return record;
}

/**
 * Makes the container answer by the default route of its first network that gives one: its ports lead
 * through that. Of two of one metric `bridge` leaves the last one first.
 */
function preferFirst({ namespace }: NetworkPaths, { id, attachments }: NetworkRecord): void {
  if (attachments.length < 2) return;
  const what = "cannot remove the default routes of its further networks";
  const ifnames = attachments.map(({ ifname }) => ifname);
  orLog("warn", what, { id }, () => preferFirstDefaultRoute(namespace, ifnames));
}

/** Lets users bind low ports and ping; not where the daemon may not, as with a read-only `/proc/sys`. */
function letUsers({ namespace }: NetworkPaths, { id }: NetworkRecord): void {
  const what = "cannot let its users bind low ports and ping";
  orLog("debug", what, { id }, () => letUsersBindAndPing(namespace));
}

/**
 * Announces the addresses: another container may have had them a moment ago, and `bridge` of 1.0 and
 * later tells nobody (containernetworking/plugins#858). Where an interface does not take it,
 * neighbors find out by themselves, later.
 */
function announce({ namespace }: NetworkPaths, { id, attachments }: NetworkRecord): void {
  for (const { ifname } of attachments) {
    const what = "cannot announce the addresses of {ifname}";
    orLog("debug", what, { id, ifname }, () => announceAddresses(namespace, ifname));
  }
}

/** Takes a step that a network does without if it has to; then logs what failed, and why. */
function orLog(
  level: "debug" | "warn",
  what: string,
  about: { readonly id: string; readonly ifname?: string },
  step: () => void,
): void {
  try {
    step();
  } catch (error) {
    const properties = { ...about, reason: messageOf(error), error };
    getLogger(["berth", "network"])[level](`{id}: ${what}: {reason}`, properties);
  }
}

/** Records the failure of a plugin. Where that fails, the plugin's message is still the reason. */
function writeFailure(paths: NetworkPaths, record: NetworkRecord): void {
  try {
    writeRecord(paths, record);
  } catch (error) {
    getLogger(["berth", "network"]).warn(
      "{id}: cannot record what a plugin has failed with: {error}",
      { id: record.id, error: messageOf(error) },
    );
  }
}

/**
 * Replaces the last step of an attachment if that was not done, else adds one. Without a step the one
 * that was not done is taken back.
 */
function withStep(
  record: NetworkRecord,
  index: number,
  ...step: readonly AttachmentStep[]
): NetworkRecord {
  return {
    ...record,
    attachments: record.attachments.map((attachment, at) => {
      if (at !== index) return attachment;
      return { ...attachment, steps: [...attachment.steps.filter(({ done }) => done), ...step] };
    }),
  };
}

/**
 * Returns the configuration that a plugin reads: CNI specification, "Deriving execution configuration from
 * plugin configuration".
 */
export function pluginConfig(
  { conflist: { cniVersion, name }, runtimeConfig }: AttachmentRecord,
  plugin: PluginConf,
  prevResult: CniResult | undefined,
): Record<string, unknown> {
  const { capabilities, ...conf } = plugin;
  const wanted = Object.entries(runtimeConfig).filter(([capability]) =>
    typeof capabilities === "object" && capabilities !== null &&
    new Map(Object.entries(capabilities)).get(capability) === true
  );
  return {
    ...conf,
    cniVersion,
    name,
    ...(wanted.length > 0 ? { runtimeConfig: Object.fromEntries(wanted) } : {}),
    ...(prevResult === undefined ? {} : { prevResult }),
  };
}
