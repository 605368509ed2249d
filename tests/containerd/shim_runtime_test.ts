// SPDX-License-Identifier: MIT
//
// What the shim of containerd asks of the OCI runtime, and tells of it.
import assert from "node:assert/strict";
import { ShimInfo } from "../../src/containerd/messages/bootstrap.ts";
import { RuncCheckpointOptions, RuncOptions } from "../../src/containerd/messages/options.ts";
import * as task from "../../src/containerd/messages/task.ts";
import { Any, Empty } from "../../src/containerd/messages/types.ts";
import { decode, encode } from "../../src/containerd/protobuf/codec.ts";
import { TtrpcError } from "../../src/containerd/ttrpc/messages.ts";
import { cgroupHierarchies } from "../../src/linux/cgroup/find.ts";
import { exists } from "../../src/linux/fs/exists.ts";
import { VERSION } from "../../src/version.ts";
import { feed, installShim } from "../harness/containerd/shim_program.ts";
import { StubContainerd } from "../harness/containerd/stub_containerd.ts";
import { makeFifo } from "../harness/io/fifo.ts";
import { removeCgroups } from "../harness/leaks/sweep.ts";
import { until, within } from "../harness/poll.ts";
import { hasEnded, processesOf } from "../harness/processes.ts";
import { runCgroup } from "../harness/run.ts";
import { RuntimeWrapper } from "../harness/runtime/runtime_wrapper.ts";
import { cgroupOptions } from "../harness/runtime/cgroup_options.ts";
import { CHECKPOINT, RESTORE } from "../harness/runtime/stand_in_checkpoints.ts";

const OPTIONS_TYPE = "containerd.runc.v1.Options";

/** Runs a shim without a namespace, as `-info` and `-v` are called. */
async function ask(shim: string, flag: string, input: Uint8Array = new Uint8Array()) {
  const child = new Deno.Command(shim, {
    args: [flag],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await feed(child, input);
  const { code, stdout, stderr } = await child.output();
  return { code, stdout, stderr: new TextDecoder().decode(stderr) };
}

/** The argv of the only call of a subcommand. */
function argsOf(runtime: RuntimeWrapper, subcommand: string): readonly string[] {
  const [call, ...more] = runtime.calls(subcommand);
  assert.deepEqual(more, []);
  return call?.args ?? [];
}

Deno.test("containerd shim runtime: -info tells what the runtime of the options can do, -v the version", async () => {
  await using containerd = new StubContainerd();
  const shim = installShim(`${containerd.dir}/bin`, "containerd-shim-other-v2");
  const info = async (input?: Uint8Array) => {
    const { code, stdout, stderr } = await ask(shim, "-info", input);
    assert.deepEqual([code, stderr], [0, ""]);
    const { name, version, options, features } = decode(ShimInfo, stdout);
    assert.deepEqual([name, version?.version], ["io.containerd.berth.v2", VERSION]);
    return { options, features };
  };
  const none = await info();
  assert.equal(none.options, undefined);
  assert.match(none.features?.type_url ?? "", /runtime-spec\/1\/features\/Features$/);
  const text = (bytes?: Uint8Array) => new TextDecoder().decode(bytes);
  assert.ok(JSON.parse(text(none.features?.value)).ociVersionMax);

  const runtime = RuntimeWrapper.create(containerd.dir);
  const value = encode(RuncOptions, { binary_name: runtime.path });
  const any = encode(Any, { type_url: OPTIONS_TYPE, value });
  runtime.rule("features", `echo '{"ociVersionMax":"of the options"}'; exit 0`);
  const given = await info(any);
  assert.deepEqual(given.options, { type_url: OPTIONS_TYPE, value });
  assert.match(text(given.features?.value), /of the options/);
  // crun before 1.8.6 does not know the command.
  runtime.fail("features", "unknown command features");
  const without = await info(any);
  assert.equal(without.features, undefined);
  assert.deepEqual(without.options, given.options);

  for (const flag of ["-v", "-version"]) {
    const { code, stdout } = await ask(shim, flag);
    assert.equal(code, 0);
    assert.match(
      text(stdout),
      new RegExp(`^containerd-shim-berth-v2:\n  Version:  ${VERSION}\n  Revision: `),
    );
  }
});

Deno.test("containerd shim runtime: options reach the runtime, the FIFOs and the shim's cgroup", async () => {
  const cgroup = `${runCgroup()}/shim`;
  await using _removed = { [Symbol.asyncDispose]: () => removeCgroups(cgroup) };
  await using containerd = new StubContainerd();
  const runtime = RuntimeWrapper.create(containerd.dir);
  // Without systemd the runtime cannot make such a cgroup: what counts is what it was asked.
  runtime.fail("create", "enough");
  const cgroupsPath = "a.slice:cri:x";
  containerd.makeBundle("x", ["true"], { linux: { cgroupsPath } });
  const shim_cgroup = `/${cgroup}`;
  const dirs = cgroupHierarchies().map(({ mountPoint }) => `${mountPoint}/${cgroup}`);
  await assert.rejects(containerd.start("x", { options: { shim_cgroup } }), /there is no cgroup/);
  assert.deepEqual(dirs.filter(exists), []);
  for (const dir of dirs) Deno.mkdirSync(dir, { recursive: true });
  const options = {
    binary_name: runtime.path,
    no_new_keyring: true,
    no_pivot_root: true,
    io_uid: 1234,
    io_gid: 4321,
    shim_cgroup,
  };
  {
    using client = await containerd.start("x", { options });
    const [shim = 0] = containerd.shimPids();
    assert.ok(Deno.readTextFileSync(`/proc/${shim}/cgroup`).includes(`${shim_cgroup}\n`));
    const stdout = makeFifo(containerd.dir);
    await assert.rejects(client.create({ stdout }), /^\S+ OCI runtime create failed: .*enough/);
    const { uid, gid } = Deno.statSync(stdout);
    assert.deepEqual([uid, gid], [1234, 4321]);
    const args = argsOf(runtime, "create");
    const flags = ["--systemd-cgroup", "--no-new-keyring", "--no-pivot"];
    assert.deepEqual(flags.filter((flag) => !args.includes(flag)), []);
    assert.equal(args[args.indexOf("--root") + 1], `${containerd.dir}/oci/test`);
    await client.shutdown();
  }
  await until("the end of the shim", () => containerd.shimPids().length === 0);
});

Deno.test("containerd shim runtime: each call is made in the bundle of its container, while that is there", async () => {
  await using containerd = new StubContainerd();
  const runtime = RuntimeWrapper.create(containerd.dir);
  // As runtimes do that read what a container is from the directory that they are run in.
  const seen = `${containerd.dir}/seen`;
  for (const subcommand of ["create", "start", "exec", "delete"]) {
    runtime.rule(subcommand, `[ -f config.json ] || exit 1; pwd >>${seen}`);
  }
  const options = { binary_name: runtime.path };
  const annotations = { "io.containerd.runc.v2.group": "pod" };
  for (const id of ["first", "second"]) {
    const bundle = containerd.makeBundle(id, ["sleep", "1000"], { annotations });
    using client = await containerd.start(id, { options });
    await client.create();
    await client.start();
    await client.exec("e", ["true"]);
    await client.start("e");
    await client.wait("e");
    await client.delete("e");

    Deno.renameSync(bundle, `${bundle}.away`);
    await client.call("Pause", task.ContainerRequest, Empty, {});
    await client.call("Resume", task.ContainerRequest, Empty, {});
    Deno.renameSync(`${bundle}.away`, bundle);
    await client.kill(9);
    await client.wait();
    await client.delete();
    const dirs = Deno.readTextFileSync(seen).trimEnd().split("\n");
    assert.deepEqual(dirs, Array(4).fill(bundle));
    Deno.removeSync(seen);
  }
});

Deno.test("containerd shim runtime: a checkpoint is written, and restored by a create and a start", async () => {
  await using containerd = new StubContainerd();
  const runtime = RuntimeWrapper.create(containerd.dir);
  using cgroups = cgroupOptions();
  const criuConfig = (verb: string) => `${containerd.dir}/${verb}.conf`;
  for (const [verb, script] of [["checkpoint", CHECKPOINT], ["restore", RESTORE]] as const) {
    // containerd's specs have no annotation that names the file.
    const kept = `cp "$CRIU_CONFIG_FILE" ${criuConfig(verb)} || exit 1`;
    runtime.rule(verb, `${cgroups.strip} || exit 1\n${kept}\n${script}`);
  }
  const options = { binary_name: runtime.path, criu_work_path: `${containerd.dir}/work` };
  const path = `${containerd.dir}/image`;
  containerd.makeBundle("old", ["sleep", "1000"]);
  using old = await containerd.start("old", { options });
  await old.create();
  await old.start();
  const value = encode(RuncCheckpointOptions, {
    exit: true,
    open_tcp: true,
    external_unix_sockets: true,
    terminal: true,
    file_locks: true,
    empty_namespaces: ["network"],
    cgroups_mode: "soft",
    work_path: `${containerd.dir}/dump`,
  });
  await old.call("Checkpoint", task.CheckpointTaskRequest, Empty, {
    path,
    options: { type_url: "containerd.runc.v1.CheckpointOptions", value },
  });
  assert.ok(cgroups.areKept());
  assert.equal((await old.wait()).exit_status, 137);
  const args = argsOf(runtime, "checkpoint");
  const tail = args.slice(args.indexOf("checkpoint"));
  const flags = ["--tcp-established", "--ext-unix-sk", "--shell-job", "--file-locks"];
  assert.deepEqual(flags.filter((flag) => !tail.includes(flag)), []);
  const option = (words: readonly string[], name: string) => words[words.indexOf(name) + 1];
  assert.deepEqual(
    ["--image-path", "--work-path", "--empty-ns", "--manage-cgroups-mode"]
      .map((name) => option(tail, name)),
    [path, `${containerd.dir}/dump`, "network", "soft"],
  );
  assert.ok(!tail.includes("--leave-running"));
  await old.delete();
  assert.deepEqual(
    await containerd.told("old", "delete"),
    ["create", "start", `checkpointed:${path}`, "exit", "delete"],
  );

  containerd.makeBundle("new", ["sh", "-c", "exit 5"]);
  using restored = await containerd.start("new", { options });
  assert.equal((await restored.create({ checkpoint: path })).pid, 0);
  assert.deepEqual(runtime.calls("restore"), []);
  const { pid } = await restored.start();
  assert.ok(cgroups.areKept());
  assert.ok(pid > 0);
  assert.equal((await restored.wait()).exit_status, 5);
  assert.match(Deno.readTextFileSync(criuConfig("restore")), /^cgroup-root \//m);
  const restore = argsOf(runtime, "restore");
  assert.equal(option(restore, "--image-path"), path);
  assert.equal(option(restore, "--work-path"), options.criu_work_path);
  await restored.delete();
});

Deno.test("containerd shim runtime: a restore tells CRIU of output that has other permissions than before", async () => {
  await using containerd = new StubContainerd();
  const runtime = RuntimeWrapper.create(containerd.dir);
  const seen = `${containerd.dir}/restore.conf`;
  runtime.rule("checkpoint", CHECKPOINT);
  runtime.rule("restore", `cp "$CRIU_CONFIG_FILE" ${seen} || exit 1\n${RESTORE}`);
  const options = { binary_name: runtime.path };
  const path = `${containerd.dir}/image`;
  const stdout = makeFifo(containerd.dir);
  containerd.makeBundle("old", ["sleep", "1000"]);
  using old = await containerd.start("old", { options });
  await old.create({ stdout });
  await old.start();
  const value = encode(RuncCheckpointOptions, { exit: true });
  await old.call("Checkpoint", task.CheckpointTaskRequest, Empty, {
    path,
    options: { type_url: "containerd.runc.v1.CheckpointOptions", value },
  });
  await old.wait();
  await old.delete();

  const { mode } = Deno.statSync(stdout);
  assert.ok(mode !== null);
  const cases = [[mode, false], [mode ^ 0o100, true]] as const;
  for (const [other, isTold] of cases) {
    Deno.chmodSync(stdout, other & 0o777);
    const id = `new-${isTold}`;
    containerd.makeBundle(id, ["true"]);
    using restored = await containerd.start(id, { options });
    await restored.create({ checkpoint: path, stdout });
    await restored.start();
    const config = Deno.readTextFileSync(seen);
    assert.match(config, /^inherit-fd fd\[1\]:file\[/m);
    assert.equal(/^skip-file-rwx-check$/m.test(config), isTold);
    await restored.wait();
    await restored.delete();
  }
});

Deno.test("containerd shim runtime: one that hangs in a delete is killed before containerd gives up", async () => {
  await using containerd = new StubContainerd();
  const runtime = RuntimeWrapper.create(containerd.dir);
  containerd.makeBundle("c", ["sleep", "1000"]);
  using client = await containerd.start("c", { options: { binary_name: runtime.path } });
  await client.create();
  const { pid } = await client.start();
  runtime.hang("delete");
  for (const shim of containerd.shimPids()) Deno.kill(shim, "SIGKILL");
  // The cleaned up container has its status from SIGKILL.
  const said = await within("the end of delete", containerd.call("c", "delete"));
  assert.match(said.stderr, /^deleting c: .*runtime delete did not end within 3000 ms/);
  assert.equal(decode(task.DeleteResponse, said.stdout).exit_status, 137);
  await until("the end of init", () => hasEnded(pid));
  const left = processesOf(runtime.path).filter(({ state }) => state !== "Z");
  assert.deepEqual(left.map(({ command }) => command), []);
});

Deno.test("containerd shim runtime: init is told to run while an exec is being started, until its exit is told", async () => {
  await using containerd = new StubContainerd();
  const runtime = RuntimeWrapper.create(containerd.dir);
  containerd.makeBundle("c", ["sleep", "1000"]);
  using client = await containerd.start("c", { options: { binary_name: runtime.path } });
  await client.create();
  const { pid } = await client.start();
  const release = runtime.hang("exec");
  await client.exec("e", ["true"]);
  const started = client.start("e").catch((error) => error);
  await runtime.called("exec");
  Deno.kill(pid, "SIGKILL");
  await until("the end of init", () => hasEnded(pid));
  assert.equal((await client.state()).status, task.STATUS.running);
  await client.exec("late", ["true"]);
  release();
  // Its init is dead: the runtime cannot enter it.
  assert.ok(await started instanceof TtrpcError);
  assert.equal((await client.wait()).exit_status, 137);
  assert.equal((await client.state()).status, task.STATUS.stopped);
  await assert.rejects(client.start("late"));
  assert.deepEqual(
    await containerd.told("c", "exit"),
    ["create", "start", "exec-added:e", "exec-added:late", "exit"],
  );
  await client.delete("late");
  await client.delete("e");
  await client.delete();
});
