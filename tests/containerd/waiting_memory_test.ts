// SPDX-License-Identifier: MIT
import { anonymousMemory } from "../harness/memory.ts";
import { until } from "../harness/poll.ts";
import { StubContainerd } from "../harness/containerd/stub_containerd.ts";
import { testNotCompiled } from "../harness/program/compiled.ts";
import { live, start } from "./waiting_testing.ts";

/**
 * How much more memory a shim may have that has waited, in bytes: what V8 knows of the code that has run
 * is some 0.3 MB. The first timer of Deno's that is set, or cleared, is 0.8 MB.
 */
const MORE = 700_000;

testNotCompiled(
  "containerd waiting: a shim that was one before keeps little more memory than a new one",
  "its V8 has no collector of garbage to ask",
  async () => {
    await using containerd = new StubContainerd({ waiting: true });
    // Deno takes another megabyte where it runs a file for the first time: this shim is not compared.
    await start(containerd, "first");
    await containerd.waits();
    for (const id of ["a", "b"]) {
      await live(containerd, id, 0);
      await until("two that wait", () => containerd.slots().length === 2);
    }
    await using other = new StubContainerd();
    using alone = await other.create("c", ["sleep", "1000"]);
    await alone.start();
    const [fresh = 0] = await other.shims(1);
    const waiting = containerd.waitingPids();
    using last = await containerd.create("c", ["sleep", "1000"]);
    await last.start();
    const used = containerd.shimPids().find((pid) => waiting.includes(pid)) ?? 0;
    await until(
      "little more memory, once it is trimmed",
      () => anonymousMemory(used) < anonymousMemory(fresh) + MORE,
      { timeoutMs: 20_000, everyMs: 200 },
    );
  },
);
