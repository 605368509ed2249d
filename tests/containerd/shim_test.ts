// SPDX-License-Identifier: MIT
//
// The shim of containerd, called as containerd calls it. containerd_test.ts has the real one.
import assert from "node:assert/strict";
import { ProcessDetails, STATUS } from "../../src/containerd/messages/task.ts";
import { liveProcesses } from "../../src/linux/process/stat.ts";
import { decode } from "../../src/containerd/protobuf/codec.ts";
import { CODE } from "../../src/containerd/ttrpc/messages.ts";
import { existsSync } from "node:fs";
import { FifoReader, makeFifo } from "../harness/io/fifo.ts";
import { until } from "../harness/poll.ts";
import { hasEnded, processName } from "../harness/processes.ts";
import { mountsOf } from "../harness/leaks/traces.ts";
import { baseName } from "../harness/run.ts";
import { rootfsDir } from "../harness/rootfs.ts";
import { addressIn, installShim } from "../harness/containerd/shim_program.ts";
import { StubContainerd } from "../harness/containerd/stub_containerd.ts";

Deno.test("containerd shim: a shim of containerd serves a life, tells it in order, and leaves nothing", async () => {
  await using containerd = new StubContainerd();
  {
    const lowers = Array.from(
      { length: 60 },
      (_, n) => `${containerd.dir}/layers/${"l".repeat(40)}${n}/fs`,
    );
    // As the layers of an image they do not fit in the page that mount(2) takes.
    assert.ok(lowers.join(":").length > 4096);
    for (const dir of lowers) Deno.mkdirSync(dir, { recursive: true });
    for (const name of ["upper", "work"]) Deno.mkdirSync(`${containerd.dir}/${name}`);
    const options = [
      `lowerdir=${[...lowers, rootfsDir()].join(":")}`,
      `upperdir=${containerd.dir}/upper`,
      `workdir=${containerd.dir}/work`,
    ];
    using client = await containerd.create("life", ["sh", "-c", "exit 7"], {
      rootfs: [{ type: "overlay", source: "overlay", options }],
      override: { root: { path: "rootfs", readonly: false } },
    });
    assert.equal((await client.state()).status, STATUS.created);
    const waited = client.wait();
    const { pid } = await client.start();
    assert.equal((await waited).exit_status, 7);
    const state = await client.state();
    assert.deepEqual([state.status, state.pid, state.exit_status], [STATUS.stopped, pid, 7]);
    assert.ok(state.exited_at);
    const deleted = await client.delete();
    assert.deepEqual([deleted.pid, deleted.exit_status], [pid, 7]);
    await assert.rejects(client.delete(), { code: CODE.notFound });
    await client.shutdown();
  }
  assert.deepEqual(await containerd.told("life", "delete"), ["create", "start", "exit", "delete"]);
  await until("the end of the shim", () => containerd.shimPids().length === 0);
  assert.deepEqual([...Deno.readDirSync(containerd.socketDir)], []);
  assert.deepEqual(mountsOf(baseName(containerd.dir)), []);
  const deleted = await containerd.delete("life");
  assert.deepEqual([deleted.exit_status, deleted.pid > 0], [7, true]);
  assert.ok(deleted.exited_at);
  // The shell in front of berth prints the bytes that berth would.
  const berth = installShim(containerd.dir);
  const answers = [
    await containerd.call("life", "delete"),
    await containerd.call("life", "delete", undefined, berth),
  ];
  assert.deepEqual(answers[0], answers[1]);
});

Deno.test("containerd shim: start answers each containerd in its form, and the group's shim again", async () => {
  await using containerd = new StubContainerd({ useLink: true });
  const pod = { annotations: { "io.kubernetes.cri.sandbox-id": "pod" } };
  for (const id of ["pod", "one", "two"]) containerd.makeBundle(id, ["sleep", "1000"], pod);
  const first = await containerd.call("pod", "start", containerd.params("pod"));
  const answer = JSON.parse(new TextDecoder().decode(first.stdout));
  assert.deepEqual([answer.version, answer.protocol, first.stderr], [3, "ttrpc", ""]);
  const second = await containerd.call("one", "start", containerd.params("one"));
  assert.deepEqual(second.stdout, first.stdout);
  assert.equal(
    Deno.readTextFileSync(`${containerd.bundleOf("one")}/address`),
    `unix://${addressIn(first.stdout)}`,
  );
  const [shim = 0] = await containerd.shims(1);
  const score = (pid: number | string) =>
    Number(Deno.readTextFileSync(`/proc/${pid}/oom_score_adj`));
  assert.equal(score(shim), score("self") + 1);

  // An old containerd gives no params; the sockets are where it expects them.
  containerd.makeBundle("old", ["true"]);
  const old = await containerd.call("old", "start");
  const text = new TextDecoder().decode(old.stdout);
  try {
    assert.match(text, /^unix:\/\/\/run\/containerd\/s\/[0-9a-f]{64}$/);
    await containerd.shims(2);
  } finally {
    for (const pid of await containerd.shims(2)) Deno.kill(pid, "SIGTERM");
  }
  // Without a container they end by a signal, and take their sockets with them.
  await until("the end of the shims", () => containerd.shimPids().length === 0);
  assert.equal(existsSync(addressIn(old.stdout)), false);
});

Deno.test("containerd shim: a shim of containerd says what is wrong on its command line", async () => {
  await using containerd = new StubContainerd();
  containerd.makeBundle("x", ["true"]);
  const wrong = await containerd.call("x", "dance");
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /dance/);
});

Deno.test("containerd shim: an exec is added, then started; one that cannot start can be deleted", async () => {
  await using containerd = new StubContainerd();
  using client = await containerd.create("c", ["sleep", "1000"]);
  // As with runc's shim an exec may be added to what is not started yet. It runs when that does.
  await client.exec("early", ["sh", "-c", "exit 2"]);
  await assert.rejects(client.start("early"), { code: CODE.failedPrecondition });
  assert.equal((await client.state("early")).status, STATUS.created);
  await client.start();
  const early = client.wait("early");
  await client.start("early");
  assert.equal((await early).exit_status, 2);
  await client.delete("early");
  await client.exec("one", ["sh", "-c", "exit 3"]);
  await assert.rejects(client.exec("one", ["true"]), { code: CODE.alreadyExists });
  const added = await client.state("one");
  assert.deepEqual([added.status, added.pid, added.id], [STATUS.created, 0, "one"]);
  await assert.rejects(client.kill(9, "one"), { code: CODE.failedPrecondition });
  const waited = client.wait("one");
  await client.start("one");
  assert.equal((await waited).exit_status, 3);
  await assert.rejects(client.kill(9, "one"), { code: CODE.notFound });
  assert.equal((await client.delete("one")).exit_status, 3);

  await client.exec("none", ["nosuch"]);
  await assert.rejects(client.start("none"), /"nosuch": executable file not found in \$PATH/);
  assert.equal((await client.state("none")).status, STATUS.created);
  const { pid, exit_status } = await client.delete("none");
  assert.deepEqual([pid, exit_status], [0, 0]);

  await client.exec("long", ["sleep", "1000"]);
  const long = await client.start("long");
  // No shim adopts the container of another here, so nothing is written down for one.
  const files = () => Array.from(Deno.readDirSync(containerd.bundleOf("c")), ({ name }) => name);
  await until("no files of execs", () => !files().some((name) => name.startsWith("exec")));
  await client.kill(0, "long");
  const { processes } = await client.pids();
  const info = processes.find(({ pid }) => pid === long.pid)?.info;
  assert.equal(decode(ProcessDetails, info?.value ?? new Uint8Array()).exec_id, "long");
  await assert.rejects(client.delete(), { code: CODE.failedPrecondition });
  await client.kill(9, "", true);
  await client.wait();
  assert.deepEqual(await containerd.told("c", "exit"), [
    "create",
    "exec-added:early",
    "start",
    "exec-started:early",
    "exit:early",
    "exec-added:one",
    "exec-started:one",
    "exit:one",
    "exec-added:none",
    "exec-added:long",
    "exec-started:long",
    "exit:long",
    "exit",
  ]);
  // The shim may hear a moment later that its exit was taken.
  const noProcesses = async () =>
    await client.pids().then(
      () => false,
      ({ code }) => code === CODE.failedPrecondition,
    );
  await until("no processes", noProcesses);
  await assert.rejects(client.exec("late", ["true"]), { code: CODE.failedPrecondition });
  for (const signal of [0, 9]) {
    await assert.rejects(client.kill(signal), { code: CODE.notFound });
  }
  await client.delete();
});

Deno.test("containerd shim: events are kept while containerd is away, and told once when it is back", async () => {
  await using containerd = new StubContainerd();
  using client = await containerd.create("c", ["sleep", "1000"]);
  const { pid } = await client.start();
  await containerd.told("c", "start");
  containerd.goAway();
  await client.kill(9);
  await client.wait();
  // A containerd that comes back and finds none would delete it, and its exit with it.
  assert.deepEqual((await client.pids()).processes.map((process) => process.pid), [pid]);
  await client.delete();
  containerd.comeBack();
  assert.deepEqual(await containerd.told("c", "delete"), ["create", "start", "exit", "delete"]);
  const exit = containerd.events.find(({ topic }) => topic === "exit");
  assert.equal(exit?.exitStatus, 137);
});

Deno.test("containerd shim: a shim without containers stays until its events are told, told to end or not", async () => {
  await using containerd = new StubContainerd();
  {
    using client = await containerd.create("c", ["sleep", "1000"]);
    await client.start();
    await containerd.told("c", "start");
    containerd.goAway();
    await client.kill(9);
    await client.wait();
    await client.delete();
    for (const pid of await containerd.shims(1)) Deno.kill(pid, "SIGTERM");
    // It has heard the signal.
    await until("no socket", () => [...Deno.readDirSync(containerd.socketDir)].length === 0);
    // A restarted containerd could not reach it.
    await assert.rejects(client.create(), { code: CODE.unavailable });
    await client.shutdown();
  }
  containerd.comeBack();
  assert.deepEqual(await containerd.told("c", "delete"), ["create", "start", "exit", "delete"]);
  await containerd.shims(0);
});

Deno.test("containerd shim: delete cleans up after a shim that was killed, and says how init ended", async () => {
  await using containerd = new StubContainerd();
  using running = await containerd.create("running", ["sleep", "1000"]);
  const { pid } = await running.start();
  using ended = await containerd.create("ended", ["sh", "-c", "exit 5"]);
  await ended.start();
  await ended.wait();
  // Killed before its last call.
  using deleted = await containerd.create("deleted", ["sh", "-c", "exit 4"]);
  await deleted.start();
  await deleted.wait();
  await deleted.delete();
  for (const shim of await containerd.shims(3)) Deno.kill(shim, "SIGKILL");
  await until("the end of the shims", () => containerd.shimPids().length === 0);
  const sockets = () => [...Deno.readDirSync(containerd.socketDir)].length;
  assert.equal(sockets(), 3);
  assert.equal((await containerd.delete("deleted")).exit_status, 4);
  assert.equal(sockets(), 2);
  const killed = await containerd.delete("running");
  assert.deepEqual([killed.pid, killed.exit_status], [pid, 137]);
  assert.ok(killed.exited_at);
  assert.equal((await containerd.delete("ended")).exit_status, 5);
  assert.ok(hasEnded(pid));
  assert.deepEqual([...Deno.readDirSync(containerd.socketDir)], []);
  // It can be called again.
  await containerd.delete("running");
});

Deno.test("containerd shim: an exec that is added alone leaves no runtime where the shim is killed", async () => {
  await using containerd = new StubContainerd();
  using client = await containerd.create("c", ["sleep", "1000"]);
  await client.start();
  await client.exec("e", ["true"]);
  const [shim = 0] = containerd.shimPids();
  const runtimes = liveProcesses().filter(({ pid, parent }) =>
    parent === shim && processName(pid) === "runc"
  );
  assert.equal(runtimes.length, 1);
  Deno.kill(shim, "SIGKILL");
  await until("the end of runc", () => runtimes.every(({ pid }) => hasEnded(pid)));
  await containerd.delete("c");
});

Deno.test("containerd shim: a pod's containers share a shim, which ends with the last of them", async () => {
  await using containerd = new StubContainerd();
  const override = { annotations: { "io.kubernetes.cri.sandbox-id": "pod" } };
  using pod = await containerd.create("pod", ["sleep", "1000"], { override });
  using one = await containerd.create("one", ["sleep", "1000"], { override });
  await Promise.all([pod.start(), one.start()]);
  await containerd.shims(1);
  await assert.rejects(one.create(), { code: CODE.alreadyExists });
  await one.kill(9);
  await one.wait();
  await one.delete();
  await one.shutdown();
  // Of the group's other container nothing is touched.
  await containerd.delete("one");
  assert.equal((await pod.state()).status, STATUS.running);
  await pod.kill(9);
  await pod.wait();
  await pod.delete();
  await pod.shutdown();
  await until("the end of the shim", () => containerd.shimPids().length === 0);
});

Deno.test("containerd shim: without a pid namespace of its own, what is left is dead before the exit is told", async () => {
  await using containerd = new StubContainerd();
  const namespaces = ["ipc", "uts", "mount"].map((type) => ({ type }));
  const command = ["sh", "-c", "sleep 1000 & echo $! >/data/pid; sleep 1000"];
  const data = `${containerd.dir}/data`;
  Deno.mkdirSync(data);
  const mounts = [
    { destination: "/proc", type: "proc", source: "proc" },
    // Without it the runtime makes devices in the root filesystem that the tests share.
    { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755"] },
    { destination: "/data", type: "bind", source: data, options: ["bind"] },
  ];
  using client = await containerd.create("c", command, {
    override: { linux: { namespaces }, mounts },
  });
  await client.start();
  const left = await until(
    "the other process",
    // There is a file before there is something in it.
    () => existsSync(`${data}/pid`) && (Number(Deno.readTextFileSync(`${data}/pid`)) || undefined),
  );
  await client.kill(9);
  await client.wait();
  assert.ok(hasEnded(left));
  await client.delete();
});

Deno.test("containerd shim: output goes to FIFOs, and to files whose directories are made", async () => {
  await using containerd = new StubContainerd();
  const stdout = makeFifo(containerd.dir), stderr = makeFifo(containerd.dir);
  await using out = new FifoReader(stdout);
  await using err = new FifoReader(stderr);
  using fifos = await containerd.create("fifos", ["sh", "-c", "echo out; echo err >&2"], {
    stdout,
    stderr,
  });
  await fifos.start();
  assert.deepEqual([await out.text(), await err.text()], ["out\n", "err\n"]);
  await fifos.delete();

  const file = `${containerd.dir}/deep/down/log`;
  using files = await containerd.create("files", ["sh", "-c", "echo out; echo err >&2"], {
    stdout: `file://${file}`,
    stderr: "file:///elsewhere/is/not/taken",
  });
  await files.start();
  await files.wait();
  await files.delete();
  assert.equal(Deno.readTextFileSync(file), "out\nerr\n");
  assert.equal((Deno.statSync(file).mode ?? 0) & 0o777, 0o644);

  using plain = await containerd.create("plain", ["sh", "-c", "echo more; echo err >&2"], {
    stdout: file,
    stderr: "/dev/null",
  });
  await plain.start();
  await plain.wait();
  await plain.delete();
  assert.equal(Deno.readTextFileSync(file), "out\nerr\nmore\n");
  await assert.rejects(
    containerd.create("unknown", ["true"], { stdout: "gopher://x" }),
    { code: CODE.invalidArgument },
  );
});
