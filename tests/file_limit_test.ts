// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { BerthError, ResourceExhaustedError } from "../src/rpc/errors.ts";
import { TestDaemon } from "./harness/daemon.ts";
import { LeakAudit } from "./harness/leak_audit.ts";
import { until } from "./harness/poll.ts";
import { program } from "./harness/run.ts";

/** Runs `work`; returns what it throws of ResourceExhausted, or undefined where it succeeds. */
async function exhaustedOr(what: string, work: () => Promise<unknown>) {
  try {
    await work();
    return undefined;
  } catch (error) {
    assert.ok(
      error instanceof ResourceExhaustedError,
      `${what} ends in ${error instanceof BerthError ? error.kind : ""} ${error}`,
    );
    return error;
  }
}

Deno.test("file limit: at the limit of open files each call succeeds or ends in ResourceExhausted, and state is true", async () => {
  await using daemon = await TestDaemon.start({
    program: ["prlimit", "--nofile=90:90", ...program()],
  });
  await daemon.life("before");
  const audit = LeakAudit.take(daemon);
  const { client } = daemon;
  const quick = { timeoutMs: 20_000 };
  const created: string[] = [];
  let refused = 0;
  for (let n = 0; refused < 3 && n < 60; n++) {
    const id = `c${n}`;
    const spec = daemon.spec(["sleep", "1000"]);
    const failed = await exhaustedOr(
      `create of ${id}`,
      () => client.call("container.create", { id, spec }, quick),
    );
    if (failed === undefined) created.push(id);
    else refused++;
  }
  assert.ok(refused > 0, "the limit was never reached");
  assert.ok(created.length > 3, `only ${created.length} containers`);
  for (const id of created) {
    const failed = await exhaustedOr(
      `start of ${id}`,
      () => client.call("container.start", { id }, quick),
    );
    const { status } = await client.call("container.state", { id }, quick);
    assert.equal(status, failed === undefined ? "running" : "created", id);
  }
  const { containers } = await client.call("container.list", {}, quick);
  assert.deepEqual(containers.map(({ id }) => id).sort(), [...created].sort());
  // Connections that come beyond the limit wait or fail, and end nothing.
  const more = await Promise.allSettled(
    Array.from({ length: 60 }, () => daemon.connect()),
  );
  await client.call("daemon.info", {}, quick);
  const [first, ...others] = created;
  assert.ok(first !== undefined);
  const waiting = client.call("container.wait", { id: first }, quick);
  await client.call("container.kill", { id: first, signal: "KILL" }, quick);
  assert.equal((await waiting).exitStatus, 137);
  for (const result of more) if (result.status === "fulfilled") result.value.close();
  await until("every delete", async () => {
    for (const id of [first, ...others]) {
      try {
        await client.call("container.delete", { id, force: true }, quick);
      } catch (error) {
        assert.ok(error instanceof BerthError, String(error));
        assert.ok(["NotFound", "ResourceExhausted"].includes(error.kind), `${error.kind} ${error}`);
        if (error instanceof ResourceExhaustedError) return false;
      }
    }
    return true;
  });
  await daemon.life("after");
  await audit.assertClean();
});
