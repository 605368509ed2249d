// SPDX-License-Identifier: MIT
import { dial } from "../../src/rpc/transport/dial.ts";
import { StubContainerd } from "../harness/containerd/stub_containerd.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { NO_FAILPOINTS } from "../harness/program/failpoints.ts";
import { CALL_TIMEOUT_MS, until } from "../harness/poll.ts";
import { hasEnded } from "../harness/processes.ts";

/** Tells that a shim trims its memory: it ends. */
const env = { BERTH_FAILPOINTS: "shim.trims=crash" };

Deno.test({
  name: "memory trim: a shim trims its memory when its container has been started",
  ignore: NO_FAILPOINTS,
  fn: async () => {
    await using daemon = await TestDaemon.start({ env });
    const spec = daemon.spec(["sleep", "1000"]);
    await daemon.client.call("container.create", { id: "c", spec });
    const { shimPid } = await daemon.client.call("container.state", { id: "c" });
    await daemon.client.call("container.start", { id: "c" });
    await until("the trim", () => hasEnded(shimPid));
  },
});

Deno.test({
  name: "memory trim: a shim trims its memory again after many calls",
  ignore: NO_FAILPOINTS,
  fn: async () => {
    await using daemon = await TestDaemon.start({ env });
    const spec = daemon.spec(["sleep", "1000"]);
    await daemon.client.call("container.create", { id: "c", spec });
    const { bundle, shimPid } = await daemon.client.call("container.state", { id: "c" });
    using peer = await dial(`${bundle}/shim.sock`, {
      onError: console.error,
      timeoutMs: CALL_TIMEOUT_MS,
    });
    for (let calls = 0; calls < 1000; calls++) await peer.call("shim.connect", {});
    await until("the trim", () => hasEnded(shimPid));
  },
});

Deno.test({
  name: "memory trim: a shim of containerd trims its memory when its container has been started",
  ignore: NO_FAILPOINTS,
  fn: async () => {
    await using containerd = new StubContainerd({ env });
    using client = await containerd.create("c", ["sleep", "1000"]);
    await client.start();
    await containerd.shims(0);
  },
});
