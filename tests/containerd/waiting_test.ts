// SPDX-License-Identifier: MIT
//
// Processes that wait to be shims of containerd, with each shell that may run the file it calls.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { BootstrapParams } from "../../src/containerd/messages/bootstrap.ts";
import { encode } from "../../src/containerd/protobuf/codec.ts";
import { writeScript } from "../harness/stand_in.ts";
import { until } from "../harness/poll.ts";
import { hasEnded, killIfThere, openFiles } from "../harness/processes.ts";
import { RuntimeWrapper } from "../harness/runtime/runtime_wrapper.ts";
import { StubContainerd } from "../harness/containerd/stub_containerd.ts";
import { live, SHELLS, start, startByShell } from "./waiting_testing.ts";

Deno.test("containerd waiting: a process that waits is the next shim, and another waits then", async () => {
  for (const shell of SHELLS) {
    await using containerd = new StubContainerd({ waiting: true, shell });
    await start(containerd, "first");
    const waiting = await containerd.waits();
    containerd.makeBundle("c", ["sh", "-c", "exit 7"]);
    {
      using client = await containerd.start("c");
      assert.ok(containerd.shimPids().includes(waiting), "the process that waited is the shim");
      await client.create();
      const waited = client.wait();
      await client.start();
      assert.equal((await waited).exit_status, 7);
      await client.delete();
      await client.shutdown();
    }
    assert.deepEqual(await containerd.told("c", "delete"), ["create", "start", "exit", "delete"]);
    assert.equal((await containerd.delete("c")).exit_status, 7);
    await until("the end of the shim", () => !containerd.shimPids().includes(waiting));
    const next = await containerd.waits(waiting);
    // What it will have to do with is not known yet.
    assert.equal(Deno.readLinkSync(`/proc/${next}/cwd`), "/");
  }
});

Deno.test("containerd waiting: who was a shim waits again, with nothing of its container", async () => {
  for (const shell of SHELLS) {
    await using containerd = new StubContainerd({ waiting: true, shell });
    await start(containerd, "first");
    await containerd.waits();
    const used = await live(containerd, "a", 3);
    await until("two that wait", () => containerd.waitingPids().length === 2);
    await until("its slot", () => containerd.slots().length === 2);
    assert.ok(containerd.waitingPids().includes(used));
    for (const file of openFiles(used)) {
      assert.ok(!file.startsWith(containerd.bundleOf("")), file);
    }
    // Nothing is started where another one waits.
    const pids = containerd.waitingPids().toSorted();
    for (const [index, id] of ["b", "c"].entries()) {
      await live(containerd, id, index);
      await until("two that wait", () => containerd.waitingPids().length === 2);
      await until("its slot", () => containerd.slots().length === 2);
      assert.deepEqual(containerd.waitingPids().toSorted(), pids);
    }
  }
});

Deno.test("containerd waiting: who was told to end by a signal does not wait again", async () => {
  await using containerd = new StubContainerd({ waiting: true });
  await start(containerd, "first");
  const waiting = await containerd.waits();
  await start(containerd, "second");
  await containerd.waits(waiting);
  Deno.kill(waiting, "SIGTERM");
  await until("its end", () => hasEnded(waiting));
  assert.equal(containerd.slots().length, 1);
  const next = await containerd.waits(waiting);
  Deno.kill(next, "SIGTERM");
  await until("its end", () => hasEnded(next));
});

Deno.test("containerd waiting: a further container of a group leaves the process that waits alone", async () => {
  await using containerd = new StubContainerd({ waiting: true });
  const pod = { annotations: { "io.kubernetes.cri.sandbox-id": "pod" } };
  for (const id of ["pod", "one", "two"]) containerd.makeBundle(id, ["true"], pod);
  const first = await containerd.call("pod", "start", containerd.params("pod"));
  const waiting = await containerd.waits();
  for (const id of ["one", "two"]) {
    const said = await containerd.call(id, "start", containerd.params(id));
    assert.deepEqual([said.stdout, said.stderr], [first.stdout, ""]);
    assert.equal(await containerd.waits(), waiting);
  }
  await containerd.shims(1);
});

Deno.test("containerd waiting: of starts at a time one has the process that waits, each its own answer", async () => {
  for (const shell of SHELLS) {
    await using containerd = new StubContainerd({ waiting: true, shell });
    await start(containerd, "first");
    await containerd.waits();
    const ids = ["a", "b", "c"];
    const addresses = await Promise.all(ids.map((id) => start(containerd, id)));
    assert.equal(new Set(addresses).size, ids.length);
    for (const [index, id] of ids.entries()) {
      const written = Deno.readTextFileSync(`${containerd.bundleOf(id)}/address`);
      assert.equal(written, `unix://${addresses[index]}`);
    }
    await containerd.waits();
    await until("one that waits", () => containerd.waitingPids().length === 1);
    await containerd.shims(1 + ids.length);
  }
});

Deno.test("containerd waiting: one that is killed before or while it is asked costs a start of berth", async () => {
  for (const shell of SHELLS) {
    await using containerd = new StubContainerd({ waiting: true, shell });
    await start(containerd, "first");
    const dead = await containerd.waits();
    killIfThere(dead);
    await start(containerd, "second");
    const stuck = await containerd.waits(dead);
    Deno.kill(stuck, "SIGSTOP");
    const slot = containerd.slot();
    const third = start(containerd, "third");
    await until("a claim", () => existsSync(`${slot}/claim`));
    killIfThere(stuck);
    await third;
    await containerd.waits(dead, stuck);
    await containerd.shims(3);
  }
});

Deno.test("containerd waiting: a start from another place, and a shell that is gone, are refused", async () => {
  await using containerd = new StubContainerd({ waiting: true });
  await start(containerd, "first");
  const waiting = await containerd.waits();
  // What the shim makes would have another mode.
  const text = `umask 077\nexec ${containerd.shim} "$@"`;
  const other = writeScript(`${containerd.dir}/other`, text);
  containerd.makeBundle("other", ["true"]);
  const said = await containerd.call("other", "start", containerd.params("other"), other);
  assert.deepEqual([said.code, said.stderr], [0, ""]);
  assert.ok(!containerd.shimPids().includes(waiting));
  const next = await containerd.waits(waiting);
  // As a shell would that was killed after it had asked.
  const shell = new Deno.Command("true").spawn();
  await shell.status;
  const gone = shell.pid;
  const slot = containerd.slot();
  Deno.writeTextFileSync(`${slot}/claim`, `${gone}\n`, { createNew: true });
  Deno.writeTextFileSync(`${slot}/ask`, `${gone} 3\n`);
  await until("the end of what was asked", () => !containerd.waitingPids().includes(next));
  assert.equal(containerd.slot(), undefined);
  await start(containerd, "last");
});

Deno.test("containerd waiting: a shim has the environment of its own start, and nothing of another", async () => {
  const old = { TTRPC_ADDRESS: "/old", DBUS_SESSION_BUS_ADDRESS: "old" };
  await using containerd = new StubContainerd({ waiting: true, env: old });
  const runtime = RuntimeWrapper.create(containerd.dir);
  const seen = `${containerd.dir}/seen`;
  runtime.rule("create", `env >${seen}`);
  const bin = `${containerd.dir}/path`;
  Deno.mkdirSync(bin);
  Deno.symlinkSync(runtime.path, `${bin}/runc`);
  await start(containerd, "first");
  const waiting = await containerd.waits();
  const ttrpc = `${containerd.address}.ttrpc`;
  const text = `unset DBUS_SESSION_BUS_ADDRESS\nexport TTRPC_ADDRESS=${ttrpc} PATH=${bin}:$PATH\n` +
    `exec ${containerd.shim} "$@"`;
  const shim = writeScript(`${containerd.dir}/other`, text);
  containerd.makeBundle("c", ["sh", "-c", "exit 7"]);
  // Without containerd's address, which is then that of the environment.
  const { socketDir: socket_dir } = containerd;
  const input = encode(BootstrapParams, { instance_id: "c", namespace: "test", socket_dir });
  using client = await containerd.start("c", { shim, input });
  assert.ok(containerd.shimPids().includes(waiting));
  await client.create();
  const variables = Deno.readTextFileSync(seen).split("\n");
  assert.ok(variables.some((variable) => variable.startsWith(`PATH=${bin}:`)));
  assert.ok(!variables.some((variable) => variable.startsWith("DBUS_SESSION_BUS_ADDRESS=")));
  await client.start();
  await client.wait();
  assert.deepEqual(await containerd.told("c", "exit"), ["create", "start", "exit"]);
  await client.delete();
});

Deno.test("containerd waiting: it ends when it was idle for long, and with its containerd", async () => {
  await using containerd = new StubContainerd({ waiting: true, env: { BERTH_SHIM_IDLE: "1" } });
  await start(containerd, "first");
  // What waits makes it, and it stays.
  await until("a process that waits", () => existsSync(containerd.waitingDir));
  await until("its end", () => containerd.waitingPids().length === 0);
  assert.equal(containerd.slot(), undefined);
  await using other = new StubContainerd({ waiting: true });
  const caller = startByShell(other);
  await other.waits();
  await caller.end();
  await until("the end with it", () => other.waitingPids().length === 0);
  assert.equal(other.slot(), undefined);
  await other.shims(1);
});

Deno.test("containerd waiting: one that is stopped after it was claimed is killed, and the container starts", async () => {
  await Promise.all(SHELLS.map(async (shell) => {
    await using containerd = new StubContainerd({ waiting: true, shell });
    await start(containerd, "first");
    const stuck = await containerd.waits();
    Deno.kill(stuck, "SIGSTOP");
    await start(containerd, "second");
    assert.ok(hasEnded(stuck));
    await containerd.waits(stuck);
    await containerd.shims(2);
  }));
});

Deno.test("containerd waiting: what another process left, whose pid is used again, keeps none from waiting", async () => {
  await using containerd = new StubContainerd({ waiting: true });
  await start(containerd, "first");
  const dead = await containerd.waits();
  // Nothing else has the shell start another one.
  killIfThere(dead);
  await until("its end", () => hasEnded(dead));
  // This process lives, but has not started when that one did.
  Deno.writeTextFileSync(`${containerd.slot()}.next`, `${Deno.pid} 1\n`);
  await start(containerd, "second");
  await containerd.waits(dead);
});

Deno.test("containerd waiting: a slot that belongs to another user is not asked, nor a link written through", async () => {
  await using containerd = new StubContainerd({ waiting: true });
  await start(containerd, "first");
  const waiting = await containerd.waits();
  const slot = containerd.slot() ?? "";
  Deno.chownSync(`${slot}/answer`, 1234, 1234);
  await start(containerd, "second");
  assert.ok(!existsSync(`${slot}/claim`));
  assert.deepEqual(containerd.waitingPids(), [waiting]);
  killIfThere(waiting);
  await until("its end", () => hasEnded(waiting));
  const target = `${containerd.dir}/target`;
  Deno.symlinkSync(target, `${slot}.next`);
  await start(containerd, "third");
  await containerd.waits(waiting);
  assert.ok(!existsSync(target));
});
