// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { run } from "../harness/command.ts";
import { testNeeding } from "../../scripts/test_needing.ts";
import { TestDaemon } from "../harness/daemon.ts";

testNeeding(
  ["ip"],
  "container.create: the loopback is up in a namespace that a spec names by its path",
  async () => {
    const name = `bl-${crypto.randomUUID().slice(0, 8)}`;
    const ip = (...args: string[]) => run(["ip", ...args]);
    await ip("netns", "add", name);
    try {
      await using daemon = await TestDaemon.start();
      assert.doesNotMatch(await ip("-n", name, "link", "show", "lo"), /LOOPBACK,UP/);
      const namespaces = [
        ...["pid", "ipc", "uts", "mount"].map((type) => ({ type })),
        { type: "network", path: `/run/netns/${name}` },
      ];
      await daemon.run("c", ["sleep", "1000"], { linux: { namespaces } });
      assert.match(await ip("-n", name, "link", "show", "lo"), /LOOPBACK,UP/);
      await daemon.remove("c");
    } finally {
      await ip("netns", "del", name);
    }
  },
);

Deno.test("container.create: a path that is no network namespace is refused, a FIFO at once", async () => {
  await using daemon = await TestDaemon.start();
  const fifo = `${daemon.dir}/fifo`;
  await new Deno.Command("mkfifo", { args: [fifo] }).output();
  for (const path of [fifo, daemon.dir, "/proc/self/ns/uts"]) {
    const namespaces = [
      ...["pid", "ipc", "uts", "mount"].map((type) => ({ type })),
      { type: "network", path },
    ];
    await assert.rejects(
      daemon.client.call("container.create", {
        id: "c",
        spec: daemon.spec(["true"], { linux: { namespaces } }),
      }),
      { kind: "FailedPrecondition", message: /create container c: .* is no network namespace/ },
    );
  }
});
