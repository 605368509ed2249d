// SPDX-License-Identifier: MIT
import type { TestDaemon } from "../../tests/harness/daemon.ts";
import { until } from "../../tests/harness/poll.ts";
import { bundlePaths } from "../../src/oci/bundle_layout.ts";
import { readJson, writeJsonAtomic } from "../../src/oci/json_file.ts";
import type { BundleRecord } from "../../src/oci/bundle_layout.ts";
import { dial } from "../../src/rpc/transport/dial.ts";
import type { Example } from "./examples.ts";
import type { Normalizer } from "./normalize.ts";
import { Recorder } from "./recorder.ts";

/**
 * Runs the examples of a shim. The daemon has a shim made; that one then serves a bundle that the
 * daemon does not know, so that all of a container's life can be asked of it directly.
 */
export async function recordShim(
  daemon: TestDaemon,
  normalizer: Normalizer,
  fifo: string,
): Promise<{ examples: Example[]; event: unknown; runtimeCall: unknown }> {
  const cgroupsPath = `/${daemon.cgroup}/first`;
  const spec = daemon.spec(["sleep", "600"], { linux: { cgroupsPath } });
  const first = await daemon.client.call("container.create", { id: "first", spec });
  const bundle = secondBundle(first.bundle, `${daemon.state}/linux/web`, fifo);
  const serving = new Recorder(await dialShim(first.bundle), normalizer);
  await serving.call("shim.connect", {});
  await serving.call("shim.serve", { bundle });

  const shim = new Recorder(await dialShim(bundle), normalizer);
  const events = shim.collect("shim.event");
  const runtimeCalls = shim.collect("shim.runtimeCall");
  await shim.call("shim.create", {});
  await shim.call("shim.events", { after: 0 });
  await shim.call("shim.start", {});
  const execId = "shell";
  await shim.call("shim.exec", { execId, process: { args: ["cat"] }, terminal: true });
  await shim.call("shim.resizePty", { execId, width: 80, height: 24 });
  await shim.call("shim.state", {});
  await shim.call("shim.pids", {});
  await shim.call("shim.closeStdin", {});
  await shim.call("shim.update", { resources: { memory: { limit: 64 << 20 } } });
  await shim.call("shim.pause", {});
  await shim.call("shim.resume", {});
  await shim.call("shim.checkpoint", { path: `${daemon.root}/checkpoints/web` });
  await shim.call("shim.kill", { signal: "KILL", all: true });
  await shim.call("shim.wait", {});
  await shim.call("shim.delete", {});
  await shim.call("shim.ack", { seq: 4 });
  await shim.call("shim.exit", {});
  const event = await until("an event of the shim", () => events[0]);
  const runtimeCall = await until("a call of the runtime", () => runtimeCalls[0]);
  shim.peer.close();
  serving.peer.close();
  return { examples: [...serving.examples, ...shim.examples], event, runtimeCall };
}

async function dialShim(bundle: string): ReturnType<typeof dial> {
  return await dial(`${bundle}/shim.sock`, { onError: console.error, timeoutMs: 30_000 });
}

/** A bundle as the daemon makes them, of a container of its own. */
function secondBundle(like: string, dir: string, stdin: string): string {
  const from = bundlePaths(like), to = bundlePaths(dir);
  const record = readJson<BundleRecord>(from.record);
  if (record === undefined) throw new Error(`${from.record} is missing`);
  Deno.mkdirSync(to.rootfs, { recursive: true, mode: 0o700 });
  const spec = Deno.readTextFileSync(from.config).replaceAll("first", "web");
  Deno.writeTextFileSync(to.config, spec, { mode: 0o600 });
  const stdio = { ...record.stdio, stdin };
  writeJsonAtomic(to.record, { ...record, id: "web", instance: crypto.randomUUID(), stdio });
  return dir;
}
