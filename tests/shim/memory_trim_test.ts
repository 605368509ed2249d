// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { UnavailableError } from "../../src/rpc/errors.ts";
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
    const { shimPid } = await daemon.stateOf("c");
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
    const { bundle, shimPid } = await daemon.stateOf("c");
    using peer = await dial(`${bundle}/shim.sock`, {
      onError: console.error,
      timeoutMs: CALL_TIMEOUT_MS,
    });
    // The daemon's calls count, too: the trim, which ends the shim here, may come before the last.
    const calls = async () => {
      for (let count = 0; count < 1000; count++) await peer.call("shim.connect", {});
    };
    const cut = calls().then(() => undefined, (error: unknown) => error);
    await until("the trim", () => hasEnded(shimPid));
    const error = await cut;
    assert.ok(error === undefined || error instanceof UnavailableError, String(error));
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
