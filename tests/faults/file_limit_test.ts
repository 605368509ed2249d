// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { BerthError, ResourceExhaustedError } from "../../src/rpc/errors.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { LeakAudit } from "../harness/leaks/leak_audit.ts";
import { CALL_TIMEOUT_MS, until } from "../harness/poll.ts";
import { readProcess } from "../harness/processes.ts";
import { program, runDir, uniqueName } from "../harness/run.ts";

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
  const quick = { timeoutMs: CALL_TIMEOUT_MS };
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

for (const transport of ["tcp", "unix"] as const) {
  Deno.test(`file limit: who opens connections to the metrics by ${transport} until it is reached ends and wedges nothing`, async () => {
    const path = `${runDir()}/${uniqueName("metrics")}`;
    await using daemon = await TestDaemon.start({
      program: ["prlimit", "--nofile=90:90", ...program()],
      config: `[metrics]\naddress = "${transport === "tcp" ? "127.0.0.1:0" : `unix:${path}`}"\n`,
    });
    const { client } = daemon;
    const address = await until(
      "the address of the metrics",
      () => /metrics at ((?:http|unix):\S+)\n/.exec(daemon.log)?.[1],
    );
    const { hostname, port } = new URL(address);
    const connect = (): Promise<Deno.Conn> =>
      transport === "tcp"
        ? Deno.connect({ hostname, port: Number(port) })
        : Deno.connect({ transport, path });
    const quick = { timeoutMs: CALL_TIMEOUT_MS };
    // As many containers as there is room for, so that the reserve is all that is left.
    const created: string[] = [];
    for (let refused = false; !refused;) {
      const id = `c${created.length}`;
      const spec = daemon.spec(["sleep", "1000"]);
      refused = await exhaustedOr(
        `create of ${id}`,
        () => client.call("container.create", { id, spec }, quick),
      ) !== undefined;
      if (!refused) created.push(id);
    }
    const connections = await Promise.allSettled(
      Array.from({ length: 200 }, connect),
    );
    try {
      assert.equal((await client.call("daemon.info", {}, quick)).containers, created.length);
      for (const id of created) {
        await client.call("container.start", { id }, quick);
        const waiting = client.call("container.wait", { id }, quick);
        await client.call("container.kill", { id, signal: "KILL" }, quick);
        assert.equal((await waiting).exitStatus, 137, id);
        assert.equal((await client.call("container.delete", { id }, quick)).exitStatus, 137, id);
      }
    } finally {
      for (const result of connections) {
        if (result.status === "fulfilled") result.value.close();
      }
    }
    await daemon.life("after");
    await until("a scrape", async () => {
      try {
        using client = transport === "tcp" ? undefined : Deno.createHttpClient({
          proxy: { transport, path },
        });
        const url = transport === "tcp" ? address : "http://localhost/metrics";
        const response = await fetch(url, client === undefined ? {} : { client });
        await response.text();
        return response.status === 200 || undefined;
      } catch {
        // Refused while the connections before are still being closed.
        return undefined;
      }
    });
  });
}

Deno.test("file limit: a daemon that starts again with too few files loses no container", async () => {
  await using daemon = TestDaemon.prepare({
    program: ["sh", "-c", 'exec prlimit --nofile="$(cat limit)" "$@"', "sh", ...program()],
  });
  const limit = (most: number) => Deno.writeTextFileSync(`${daemon.dir}/limit`, `${most}:${most}`);
  limit(1000);
  await daemon.start();
  const pids = new Map<string, number>();
  for (let n = 0; n < 15; n++) pids.set(`c${n}`, await daemon.run(`c${n}`, ["sleep", "1000"]));
  await daemon.kill9();
  for (const most of [50, 65, 100]) {
    limit(most);
    // It says why it cannot start, or tells the truth.
    const refusal = await daemon.start().then(() => undefined, (error: Error) => error.message);
    if (refusal === undefined) {
      assert.equal(most, 100, `15 containers, and answers, with ${most} files`);
      const { containers } = await daemon.client.call("container.list", {}, {
        timeoutMs: CALL_TIMEOUT_MS,
      });
      assert.deepEqual(
        containers.map(({ id, pid, status }) => [id, pid, status]),
        [...pids].sort().map(([id, pid]) => [id, pid, "running"]),
      );
      await daemon.kill9();
    } else {
      assert.match(refusal, /at its start/);
      assert.match(refusal, /cannot start the daemon: .*too many open files/i);
    }
    for (const [id, pid] of pids) assert.ok(readProcess(pid), `${id} lives, with ${most}`);
  }
  limit(1000);
  await daemon.start();
  for (const [id, pid] of pids) {
    await daemon.connected(id);
    assert.equal((await daemon.stateOf(id)).pid, pid);
    await daemon.client.call("container.kill", { id, signal: "KILL" });
    const { exitStatus } = await daemon.exitOf(id);
    assert.equal(exitStatus, 137);
    await daemon.client.call("container.delete", { id });
  }
});
