// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  AlreadyExistsError,
  FailedPreconditionError,
  InvalidParamsError,
  NotFoundError,
  RuntimeError,
} from "../../src/rpc/errors.ts";
import { COLD, TestDaemon } from "../harness/daemon.ts";
import { EventCollector } from "../harness/events.ts";
import { FifoReader, FifoWriter, makeFifo } from "../harness/io/fifo.ts";
import { auditedContainer } from "../harness/leaks/audited.ts";
import { within } from "../harness/poll.ts";
import { untilRuns } from "../harness/processes.ts";
import type { JsonObject } from "../harness/rootfs.ts";

/** An OCI process in part, for an exec. */
type Process = JsonObject & { args: string[] };

/** Runs it to its end; returns what it wrote and its exit status. */
async function output(
  daemon: TestDaemon,
  process: Process,
): Promise<{ text: string; exitStatus: number }> {
  const { client } = daemon;
  const fifo = makeFifo(daemon.dir);
  await using reader = new FifoReader(fifo);
  const { execId } = await client.call("container.exec", {
    id: "c",
    process,
    stdout: fifo,
    stderr: fifo,
  });
  const text = await within("the end of the exec's output", reader.text());
  const { exitStatus } = await daemon.exitOf("c", execId);
  await client.call("container.deleteProcess", { id: "c", execId });
  return { text, exitStatus };
}

Deno.test("exec: a life of an exec: ids, state, pids, events, wait, delete", async () => {
  await auditedContainer(async (daemon) => {
    const { client } = daemon;
    using events = await EventCollector.subscribe(daemon.socket);
    const started = await client.call("container.exec", {
      id: "c",
      execId: "my.exec-1",
      process: { args: ["sleep", "1001"] },
    });
    assert.equal(started.execId, "my.exec-1");
    await untilRuns(started.pid, "sleep 1001");
    assert.deepEqual((await daemon.stateOf("c")).processes, [
      { execId: "my.exec-1", pid: started.pid, status: "running" },
    ]);
    const { pid } = await daemon.stateOf("c");
    const pids = (await client.call("container.pids", { id: "c" })).processes;
    // By their ids: pids begin anew at their maximum.
    assert.deepEqual(
      pids.sort((a, b) => (a.execId ?? "").localeCompare(b.execId ?? "")),
      [{ pid }, { pid: started.pid, execId: "my.exec-1" }],
    );
    const target = { id: "c", execId: "my.exec-1" };
    const waiting = client.call("container.wait", target);
    await assert.rejects(client.call("container.deleteProcess", target), FailedPreconditionError);
    await client.call("container.kill", { ...target, signal: "TERM" });
    const exit = await waiting;
    assert.equal(exit.exitStatus, 143);
    assert.deepEqual(await client.call("container.wait", target), exit, "again the same");
    assert.deepEqual((await daemon.stateOf("c")).processes, [
      { execId: "my.exec-1", pid: started.pid, status: "stopped", ...exit },
    ]);
    await assert.rejects(client.call("container.kill", { ...target, signal: 9 }), NotFoundError);
    assert.equal((await daemon.stateOf("c")).status, "running");
    assert.deepEqual(await client.call("container.deleteProcess", target), {
      pid: started.pid,
      ...exit,
    });
    await assert.rejects(client.call("container.deleteProcess", target), NotFoundError);
    await assert.rejects(client.call("container.wait", target), NotFoundError);
    await assert.rejects(client.call("container.kill", { ...target, signal: 9 }), NotFoundError);
    await assert.rejects(client.call("container.closeStdin", target), NotFoundError);
    assert.deepEqual((await daemon.stateOf("c")).processes, []);
    await events.wait({ type: "exit" });
    assert.equal(
      events.types(),
      "exec-added:my.exec-1 exec-started:my.exec-1 exit:my.exec-1",
    );
    for (const event of events.events) assert.equal(event.pid, started.pid);
    assert.equal(events.events[2]?.exitStatus, 143);
    assert.equal(events.events[2]?.exitedAt, exit.exitedAt);

    // The id is free again, and left out one is made up.
    await client.call("container.exec", { ...target, process: { args: ["true"] } });
    await client.call("container.wait", target);
    const made = await client.call("container.exec", { id: "c", process: { args: ["true"] } });
    assert.match(made.execId, /^[A-Za-z0-9][A-Za-z0-9_.-]{0,75}$/);
  });
});

Deno.test("exec: an execId is reserved from the first moment until it is deleted", async () => {
  await auditedContainer(async (daemon) => {
    const { client } = daemon;
    const exec = { id: "c", execId: "e", process: { args: ["true"] } };
    const results = await Promise.allSettled(
      Array.from({ length: 10 }, () => client.call("container.exec", exec)),
    );
    const lost = results.filter((result) => result.status === "rejected");
    assert.equal(lost.length, 9);
    for (const { reason } of lost) {
      assert.ok(reason instanceof AlreadyExistsError, String(reason));
      assert.equal(reason.data.execId, "e");
      assert.equal(reason.data.id, "c");
    }
    await daemon.exitOf("c", "e");
    await assert.rejects(client.call("container.exec", exec), AlreadyExistsError);
    await client.call("container.deleteProcess", { id: "c", execId: "e" });
    await client.call("container.exec", exec);
    await daemon.exitOf("c", "e");
    for (const execId of ["", "a/b", "../x", "a".repeat(77)]) {
      await assert.rejects(client.call("container.exec", { ...exec, execId }), InvalidParamsError);
    }
  });
});

Deno.test("exec: many execs at once: each with its own output, status and events", async () => {
  await auditedContainer(async (daemon) => {
    using events = await EventCollector.subscribe(daemon.socket);
    const count = 24;
    const results = await Promise.all(Array.from({ length: count }, (_, i) => {
      return output(daemon, { args: ["sh", "-c", `echo number ${i}; exit ${i}`] });
    }));
    results.forEach((result, i) => {
      assert.deepEqual(result, { text: `number ${i}\n`, exitStatus: i });
    });
    await events.wait({ type: "exit" }, count);
    const ids = new Set(events.events.map(({ execId }) => execId));
    assert.equal(ids.size, count);
    for (const execId of ids) {
      assert.deepEqual(
        events.events.filter((event) => event.execId === execId).map(({ type }) => type),
        ["exec-added", "exec-started", "exit"],
      );
    }
  });
});

// Soft limits equal the hard ones: the Go runtime in runc raises the one to the other at its start,
// and runc, which sets both from outside, may be there before it.
Deno.test("exec: what an exec leaves out it has from the container, what it gives wins", async () => {
  await auditedContainer(async (daemon) => {
    const show = [
      "pwd",
      "echo $FROM_SPEC-$CHANGED-$ADDED",
      "id -u; id -g",
      "grep -E '^(CapEff|NoNewPrivs):' /proc/self/status",
      "ulimit -n",
    ].join("; ");
    const inherited = await output(daemon, { args: ["sh", "-c", show] });
    const effective = "CapEff:\t00000000000000e3";
    assert.equal(
      inherited.text,
      `/data\nspec-old-\n0\n0\n${effective}\nNoNewPrivs:\t1\n333\n`,
    );
    const given = await output(daemon, {
      args: ["sh", "-c", show],
      cwd: "/tmp",
      env: ["CHANGED=new", "ADDED=added"],
      user: { uid: 1234, gid: 5678, additionalGids: [7, 8] },
      capabilities: {},
      noNewPrivileges: false,
      rlimits: [{ type: "RLIMIT_NOFILE", soft: 222, hard: 222 }],
    });
    assert.equal(
      given.text,
      "/tmp\nspec-new-added\n1234\n5678\nCapEff:\t0000000000000000\nNoNewPrivs:\t0\n222\n",
    );
    const groups = await output(daemon, {
      args: ["sh", "-c", "grep Groups: /proc/self/status"],
      user: { uid: 1, gid: 2, additionalGids: [7, 8] },
    });
    assert.match(groups.text, /^Groups:\s+7 8 ?\n$/);
    // It is in the container's own namespaces and cgroup.
    const inside = await output(daemon, { args: ["sh", "-c", "hostname; ps | grep -c sleep"] });
    assert.match(inside.text, /^test\n/);
  }, {
    override: {
      process: {
        cwd: "/data",
        env: ["PATH=/bin", "FROM_SPEC=spec", "CHANGED=old"],
        rlimits: [{ type: "RLIMIT_NOFILE", soft: 333, hard: 333 }],
      },
    },
  });
});

Deno.test("exec: 20 kB of args and of environment arrive whole", async () => {
  await auditedContainer(async (daemon) => {
    const bytes = (text: string) => createHash("sha256").update(text).digest("hex");
    const long = Array.from({ length: 2000 }, (_, i) => `ü${i}'" $`).join("").slice(0, 20_000);
    const args = ["sh", "-c", 'printf %s "$1" | sha256sum', "sh", long];
    assert.equal((await output(daemon, { args })).text, `${bytes(long)}  -\n`);
    const many = Array.from({ length: 2000 }, (_, i) => `arg-${i}`);
    const count = await output(daemon, { args: ["sh", "-c", "echo $#", "sh", ...many] });
    assert.equal(count.text, "2000\n");
    const env = [`LONG=${long}`];
    const script = 'printf %s "$LONG" | sha256sum';
    const viaEnv = await output(daemon, { args: ["sh", "-c", script], env });
    assert.equal(viaEnv.text, `${bytes(long)}  -\n`);
  });
});

Deno.test("exec: what cannot be run is a RuntimeError with runc's text and leaves nothing, nor an event", async () => {
  await auditedContainer(async (daemon) => {
    const { client } = daemon;
    using events = await EventCollector.subscribe(daemon.socket);
    const bundle = (await daemon.stateOf("c")).bundle;
    const before = [...Deno.readDirSync(bundle)].map(({ name }) => name).sort();
    for (
      const [process, words] of [
        [{ args: ["no-such-command"] }, /"no-such-command": executable file not found/],
        [{ args: ["/etc/passwd"] }, /\/etc\/passwd.*permission denied/],
        [{ args: ["true"], cwd: "/no/such/dir" }, /\/no\/such\/dir|no such file/],
      ] as const
    ) {
      for (const terminal of [false, true]) {
        const exec = client.call("container.exec", {
          id: "c",
          execId: "e",
          process: { ...process, args: [...process.args] },
          terminal,
        });
        await assert.rejects(exec, (error) => {
          assert.ok(error instanceof RuntimeError, String(error));
          assert.match(String(error.data.runtimeMessage), words);
          assert.ok(error.message.includes(String(error.data.runtimeMessage)));
          assert.equal(error.data.id, "c");
          return true;
        });
        assert.deepEqual((await daemon.stateOf("c")).processes, []);
      }
    }
    for (
      const [bad, path] of [
        [{ args: [] }, "process.args"],
        [{ args: ["a"], cwd: "relative" }, "process.cwd"],
        [{ args: ["a"], env: "A=1" }, "process.env"],
        [{ args: ["a"], user: { uid: "root" } }, "process.user.uid"],
        [{ args: ["a"], rlimits: [{ type: "RLIMIT_NOFILE" }] }, "process.rlimits.0.hard"],
      ] as const
    ) {
      const exec = daemon.peer.call("container.exec", { id: "c", process: bad });
      await assert.rejects(exec, (error) => {
        assert.ok(error instanceof InvalidParamsError, String(error));
        assert.ok(error.issues.some((issue) => issue.path === path), error.message);
        return true;
      });
    }
    const stdin = client.call("container.exec", {
      id: "c",
      process: { args: ["true"] },
      stdin: `${daemon.dir}/no-fifo`,
    });
    await assert.rejects(stdin, InvalidParamsError);
    assert.deepEqual([...Deno.readDirSync(bundle)].map(({ name }) => name).sort(), before);

    await client.call("container.exec", { id: "c", execId: "e", process: { args: ["true"] } });
    await events.wait({ type: "exit", execId: "e" });
    assert.equal(events.types(), "exec-added:e exec-started:e exit:e");
  });
});

Deno.test("exec: in a container that does not run there is no exec", async () => {
  await auditedContainer(
    async (daemon) => {
      const { client } = daemon;
      const process = { args: ["true"] };
      const refused = (id: string, status: string) =>
        assert.rejects(client.call("container.exec", { id, process }), (error) => {
          assert.ok(error instanceof FailedPreconditionError, String(error));
          assert.match(error.message, new RegExp(`${id}\\b.*${status}`));
          assert.equal(error.data.id, id);
          return true;
        });
      await client.call("container.create", { id: "d", spec: daemon.spec(["sleep", "1000"]) });
      await refused("d", "created");
      await client.call("container.start", { id: "d" });
      await client.call("container.pause", { id: "d" });
      await refused("d", "paused");
      await client.call("container.resume", { id: "d" });
      await client.call("container.exec", { id: "d", process });
      await client.call("container.kill", { id: "d", signal: "KILL" });
      await daemon.exitOf("d");
      await refused("d", "stopped");
      await client.call("container.delete", { id: "d" });
      await assert.rejects(client.call("container.exec", { id: "d", process }), NotFoundError);
    },
    { config: COLD },
  );
});

Deno.test("exec: stdin of an exec: its own, closed by itself, at its end when none is given", async () => {
  await auditedContainer(async (daemon) => {
    const { client } = daemon;
    const stdin = makeFifo(daemon.dir);
    const stdout = makeFifo(daemon.dir);
    await using writer = new FifoWriter(stdin);
    await using reader = new FifoReader(stdout);
    const target = { id: "c", execId: "cat" };
    await client.call("container.exec", { ...target, process: { args: ["cat"] }, stdin, stdout });
    await writer.write("to the exec\n");
    await writer.close();
    assert.equal(
      (await daemon.stateOf("c")).processes[0]?.status,
      "running",
      "a client that leaves ends nothing",
    );
    await client.call("container.closeStdin", target);
    assert.equal(await within("the end", reader.text()), "to the exec\n");
    assert.equal((await client.call("container.wait", target)).exitStatus, 0);
    assert.deepEqual(await output(daemon, { args: ["cat"] }), { text: "", exitStatus: 0 });
  });
});
