// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { until } from "../../../tests/harness/poll.ts";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { Reaper } from "../../linux/process/reaper.ts";
import { exitWithin } from "../../oci/driver/exit_within.ts";
import { WaitingRuntime } from "./waiting_runtime.ts";

/** Shell scripts that stand in for runc; each has the pipe as fd 3, and a file to write to as `$1`. */
class TestRuntimes implements Disposable {
  readonly #dir = new TempDir();
  readonly #reaper = Reaper.start({ reapAll: false });

  start(process: string, script = 'cat /proc/self/fd/3 >"$1"'): WaitingRuntime {
    return new WaitingRuntime(process, async (fd, signal) => {
      const argv = ["sh", "-c", script, "sh", `${this.#dir.path}/told`];
      const child = this.#reaper.spawn(argv, { fds: [fd], ownGroup: true });
      const { status } = await exitWithin(child, { what: "it", data: {}, signal });
      if (status !== 0) throw new Error("it has failed");
    });
  }

  /** What was told of the process. */
  told(): string {
    return Deno.readTextFileSync(`${this.#dir.path}/told`);
  }

  async ended(): Promise<void> {
    await until("the ends of all", () => this.#reaper.watchedCount === 0);
  }

  [Symbol.dispose](): void {
    this.#reaper[Symbol.dispose]();
    this.#dir[Symbol.dispose]();
  }
}

Deno.test("WaitingRuntime.go: the runtime is told of the process, whenever it looks for it", async () => {
  using runtimes = new TestRuntimes();
  for (const before of ["", "sleep 0.1; "]) {
    using dropped = new DisposableStack();
    const runtime = runtimes.start('{"a":1}', `${before}cat /proc/self/fd/3 >"$1"`);
    dropped.defer(() => runtime.giveUp());
    assert.equal(runtime.waits, true);
    assert.equal(await runtime.go(), true);
    assert.equal(runtimes.told(), '{"a":1}');
    assert.equal(runtime.waits, false);
  }
});

Deno.test("WaitingRuntime.go: a failure is told; one before it is not, but that it does not wait", async () => {
  using runtimes = new TestRuntimes();
  const late = runtimes.start("{}", 'cat /proc/self/fd/3 >"$1"; exit 3');
  await assert.rejects(late.go(), /it has failed/);
  late.giveUp();
  const early = runtimes.start("{}", "exit 3");
  await until("its end", () => !early.waits);
  assert.equal(await early.go(), false);
});

Deno.test("WaitingRuntime.go: one that has read nothing when it ends has not been told", async () => {
  using runtimes = new TestRuntimes();
  const runtime = runtimes.start('{"a":1}', "sleep 0.2; exit 3");
  assert.equal(runtime.waits, true);
  assert.equal(await runtime.go(), false);
  const partly = runtimes.start('{"a":1}', "head -c 1 /proc/self/fd/3; exit 3");
  await assert.rejects(partly.go(), /it has failed/);
  for (const each of [runtime, partly]) each.giveUp();
});

Deno.test("WaitingRuntime.go: a process that takes more than a pipe does is not told", async () => {
  using runtimes = new TestRuntimes();
  assert.equal(
    await runtimes.start(`{"a":"${"x".repeat(70_000)}"}`, "read -r _; exec cat").go(),
    false,
  );
  await runtimes.ended();
});

Deno.test("WaitingRuntime: a runtime that is given up, or that nobody starts within a second, is killed", async () => {
  using runtimes = new TestRuntimes();
  for (const given of [true, false]) {
    const runtime = runtimes.start("{}");
    if (given) runtime.giveUp();
    await runtimes.ended();
    assert.equal(runtime.waits, false);
    assert.equal(await runtime.go(), false);
  }
});
