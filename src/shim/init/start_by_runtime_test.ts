// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { execFifoPath } from "../../oci/driver/exec_fifo.ts";
import { TestContainers } from "../../oci/driver/driver_testing.ts";
import { CancelledError, UnavailableError } from "../../rpc/errors.ts";
import { startByRuntime } from "./start_by_runtime.ts";

const GONE = new UnavailableError("the connection is closed");
const CANCELLED = new CancelledError("the caller has canceled the call");

/** Starts by a runtime that does not end; with `started` it has started init before. */
async function startByHanging(started: boolean, reason: Error): Promise<string[]> {
  await using box = new TestContainers();
  const runtimeRoot = `${box.dir}/r`;
  Deno.mkdirSync(`${runtimeRoot}/c`, { recursive: true });
  if (!started) Deno.writeTextFileSync(execFifoPath(runtimeRoot, "c"), "");
  const logged: string[] = [];
  await startByRuntime({
    record: { id: "c", runtimeRoot, runtimeTimeoutMs: 50 },
    runtime: box.runc(box.script("hung", "exec sleep 1000")),
    log: (message) => logged.push(message),
  }, {
    ended: new AbortController().signal,
    signal: AbortSignal.abort(reason),
  });
  assert.equal(box.reaper.watchedCount, 0);
  return logged;
}

Deno.test("startByRuntime: hooks that do not end are killed when the caller cancels or has gone", async () => {
  for (const reason of [GONE, CANCELLED]) {
    const logged = await startByHanging(true, reason);
    assert.match(logged.join("\n"), /^the start of c is complete but for its poststart hooks/);
  }
});

Deno.test("startByRuntime: a start that was given up before init runs has failed, for that reason", async () => {
  for (const reason of [GONE, CANCELLED]) {
    await assert.rejects(startByHanging(false, reason), (error) => error === reason);
  }
});
