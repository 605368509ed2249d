// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { findCgroup2 } from "../../src/oci/driver/keep_mount.ts";
import { FailedPreconditionError, RuntimeError } from "../../src/rpc/errors.ts";
import { cli, ok, rootfsArgs } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import type { TestDaemonOptions } from "../harness/daemon.ts";
import { EventCollector } from "../harness/events.ts";
import { FifoReader, makeFifo } from "../harness/io/fifo.ts";
import { LeakAudit } from "../harness/leaks/leak_audit.ts";
import { until } from "../harness/poll.ts";
import {
  assertNetworkIsRestored,
  RESTORED_NETWORK_CONFIG,
} from "../harness/network/restored_network.ts";
import {
  CHECKPOINT,
  OPTIONS,
  RESTORE,
  standInCheckpoints,
} from "../harness/runtime/stand_in_checkpoints.ts";
import { cgroupOptions } from "../harness/runtime/cgroup_options.ts";
import { runDir } from "../harness/run.ts";
import { RuntimeWrapper } from "../harness/runtime/runtime_wrapper.ts";
import { networkTest, TestNetwork } from "../harness/network/test_network.ts";
import { testNeeding } from "../../scripts/test_needing.ts";

// CRIU does not run on every kernel, so what follows a success is tested with a stand-in for the
// OCI runtime: it records what it was asked, and does what a container shows of a checkpoint.

interface Stand {
  readonly daemon: TestDaemon;
  readonly runtime: RuntimeWrapper;
}

/** A daemon whose containers get the stand-in. */
async function withStandIn(options: TestDaemonOptions = {}): Promise<Stand & AsyncDisposable> {
  const runtime = RuntimeWrapper.create(runDir());
  standInCheckpoints(runtime);
  const daemon = await TestDaemon.start({
    ...options,
    config: `${runtime.config}[shim]\nkeep = 1\n${options.config ?? ""}`,
  });
  return { daemon, runtime, [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose]() };
}

/** The options of the only call of `subcommand`, without those that each call has. */
function asked(runtime: RuntimeWrapper, subcommand: string): string[] {
  const [call, ...more] = runtime.calls(subcommand);
  assert.deepEqual(more, []);
  const args = call?.args ?? [];
  return args.slice(args.indexOf(subcommand));
}

Deno.test("checkpoint: with a stand-in runtime: a checkpoint leaves the container running and is told", async () => {
  await using stand = await withStandIn();
  const { daemon, runtime } = stand;
  using events = await EventCollector.subscribe(daemon.socket);
  await daemon.run("one", ["sleep", "1000"]);
  const path = `${daemon.root}/image`;
  let done = false;
  const checkpoint = daemon.client.call("container.checkpoint", { id: "one", path })
    .finally(() => done = true);
  // Frozen for its checkpoint is not paused, whoever looks meanwhile.
  while (!done) await daemon.stateOf("one");
  await checkpoint;
  assert.deepEqual(asked(runtime, "checkpoint"), [
    ...["checkpoint", "--image-path", path, "--work-path", path, "--leave-running", "one"],
  ]);
  assert.equal((await daemon.stateOf("one")).status, "running");
  const { path: told } = await events.wait({ type: "checkpointed", id: "one" });
  assert.equal(told, path);
  assert.equal(events.types("one"), "create start checkpointed");
});

Deno.test("checkpoint: with a stand-in runtime: a checkpoint with exit is told before the exit", async () => {
  await using stand = await withStandIn();
  const { daemon, runtime } = stand;
  using events = await EventCollector.subscribe(daemon.socket);
  await daemon.run("one", ["sleep", "1000"]);
  const path = `${daemon.root}/image`;
  await daemon.client.call("container.checkpoint", { id: "one", path, exit: true });
  assert.ok(!asked(runtime, "checkpoint").includes("--leave-running"));
  await daemon.exitOf("one");
  await daemon.client.call("container.delete", { id: "one" });
  await events.wait({ type: "delete", id: "one" });
  assert.equal(events.types("one"), "create start checkpointed exit delete");
});

Deno.test("checkpoint: with a stand-in runtime: create from a checkpoint and start is a restore", async () => {
  await using stand = await withStandIn();
  const { daemon, runtime } = stand;
  const audit = await LeakAudit.warm(daemon);
  using events = await EventCollector.subscribe(daemon.socket);
  const checkpoint = `${daemon.root}/image`;
  await daemon.run("old", ["sleep", "1000"]);
  await daemon.client.call("container.checkpoint", { id: "old", path: checkpoint, exit: true });
  await daemon.exitOf("old");
  await daemon.client.call("container.delete", { id: "old" });

  const stdout = makeFifo(daemon.dir);
  await using reader = new FifoReader(stdout);
  const spec = daemon.spec(["sh", "-c", "echo back; exit 5"]);
  const creates = runtime.calls("create").length;
  const created = await daemon.client.call("container.create", {
    id: "new",
    spec,
    stdout,
    checkpoint,
  });
  assert.equal(created.pid, 0, "there is no process before the start");
  assert.equal((await daemon.stateOf("new")).status, "created");
  assert.equal(runtime.calls("create").length, creates);
  assert.deepEqual(runtime.calls("restore"), []);

  // It is the shim that knows of it, so a daemon that starts anew does not lose it.
  await daemon.restart();
  using later = await EventCollector.subscribe(daemon.socket, { after: 0 });
  await daemon.connected("new");
  const { pid } = await daemon.client.call("container.start", { id: "new" });
  assert.ok(pid > 0);
  const args = asked(runtime, "restore");
  const { bundle } = created;
  const option = (name: string) => args[args.indexOf(name) + 1];
  assert.equal(option("--image-path"), checkpoint);
  assert.equal(option("--bundle"), bundle);
  assert.equal(option("--pid-file"), `${bundle}/init.pid`);
  assert.equal(option("--work-path"), bundle);
  // crun has no --no-subreaper.
  assert.ok(args.includes("--detach") && !args.includes("--no-subreaper"));
  assert.equal(args.at(-1), "new");
  assert.equal(await reader.text(), "back\n");
  assert.equal((await daemon.exitOf("new")).exitStatus, 5);
  const deleted = await daemon.client.call("container.delete", { id: "new" });
  assert.deepEqual([deleted.pid, deleted.exitStatus], [pid, 5]);
  await later.wait({ type: "delete", id: "new" });
  assert.equal(later.types("new"), "create start exit delete");
  events[Symbol.dispose]();
  later[Symbol.dispose]();
  Deno.removeSync(stdout);
  Deno.removeSync(checkpoint, { recursive: true });
  await audit.assertClean();
});

Deno.test("checkpoint: with a stand-in runtime: a restore that fails says what criu said and can be deleted", async () => {
  await using stand = await withStandIn();
  const { daemon } = stand;
  const audit = await LeakAudit.warm(daemon);
  const checkpoint = `${daemon.root}/empty`;
  await Deno.mkdir(checkpoint, { recursive: true });
  const spec = daemon.spec(["true"]);
  await daemon.client.call("container.create", { id: "one", spec, checkpoint });
  await assert.rejects(daemon.client.call("container.start", { id: "one" }), (error) => {
    assert.ok(error instanceof RuntimeError);
    assert.match(error.message, /criu failed[^]*no images here/);
    assert.equal(error.data.id, "one");
    return true;
  });
  assert.equal((await daemon.stateOf("one")).status, "created");
  await daemon.client.call("container.delete", { id: "one" });
  await Deno.remove(checkpoint);
  await audit.assertClean();
});

Deno.test("checkpoint: with a stand-in runtime: berth checkpoint and berth restore", async () => {
  await using stand = await withStandIn();
  const { daemon, runtime } = stand;
  const run = ["run", "-d", "--name", "web", ...rootfsArgs(daemon), "--", "sleep", "1000"];
  await ok(daemon, ...run);
  const saved = await cli(daemon, ["checkpoint", "--exit", "web"]);
  assert.deepEqual(saved, { code: 0, stdout: `${daemon.root}/checkpoints/web\n`, stderr: "" });
  await daemon.exitOf("web");
  await ok(daemon, "rm", "web");
  assert.deepEqual(await cli(daemon, ["restore", "web"]), {
    code: 0,
    stdout: "web\n",
    stderr: "",
  });
  assert.equal((await daemon.stateOf("web")).status, "running");
  // Without a policy a restart by hand, too, runs the command from its beginning.
  await ok(daemon, "restart", "--time", "0", "web");
  assert.equal((await daemon.stateOf("web")).status, "running");
  assert.deepEqual([runtime.calls("restore").length, runtime.calls("create").length], [1, 2]);
});

Deno.test("berth restore (stand-in runtime): standard input is open again without -i", async () => {
  await using stand = await withStandIn();
  const { daemon } = stand;
  const run = ["run", "-di", "--name", "web", ...rootfsArgs(daemon), "--", "cat"];
  await ok(daemon, ...run);
  await ok(daemon, "checkpoint", "--exit", "web");
  await daemon.exitOf("web");
  await ok(daemon, "rm", "web");
  await ok(daemon, "restore", "web");
  const { status, stdin } = await daemon.stateOf("web");
  assert.equal(status, "running");
  assert.match(stdin, /\/io\/web\/\w+\/stdin$/);
});

Deno.test("checkpoint: with a stand-in runtime: what a restart policy keeps running stays stopped, and comes back with the policy", async () => {
  await using stand = await withStandIn();
  const { daemon, runtime } = stand;
  using events = await EventCollector.subscribe(daemon.socket);
  const options = ["--restart", "on-failure:3", "--stop-timeout", "7", "--log-opt", "max-file=4"];
  const run = ["run", "-d", "--name", "web", ...options, ...rootfsArgs(daemon), "--"];
  await ok(daemon, ...run, "sleep", "1000");
  const before = await daemon.stateOf("web");

  // One that fails is no stop.
  runtime.rule("checkpoint", "exit 1");
  assert.equal((await cli(daemon, ["checkpoint", "--exit", "web"])).code, 125);
  Deno.kill(before.pid, "SIGKILL");
  await events.wait({ type: "restarting", id: "web" });
  await daemon.untilState("web", ({ status }) => status === "running");

  runtime.rule("checkpoint", CHECKPOINT);
  assert.equal((await cli(daemon, ["checkpoint", "--exit", "web"])).stderr, "");
  await daemon.exitOf("web");
  const { status, restartingAt } = await daemon.stateOf("web");
  assert.deepEqual([status, restartingAt], ["stopped", undefined]);
  await ok(daemon, "rm", "web");
  assert.equal(events.matching({ type: "restarting", id: "web" }).length, 1);

  assert.equal((await cli(daemon, ["restore", "web"])).stderr, "");
  const after = await daemon.stateOf("web");
  for (const name of ["restart", "stopTimeout", "log"] as const) {
    assert.deepEqual(after[name], before[name]);
  }
});

Deno.test("checkpoint: with a stand-in runtime: a container whose files go with it is refused, and keeps them", async () => {
  await using stand = await withStandIn();
  const { daemon } = stand;
  const run = ["run", "-d", "--name", "web", "-v", "/data", ...rootfsArgs(daemon), "--"];
  await ok(daemon, ...run, "sleep", "1000");
  await ok(daemon, "exec", "web", "touch", "/data/kept");
  const { code, stderr } = await cli(daemon, ["checkpoint", "web"]);
  assert.equal(code, 125);
  assert.match(stderr, /cannot checkpoint web: its anonymous volumes are removed with it/);
  assert.equal(existsSync(`${daemon.root}/checkpoints/web`), false);
  // Nor does a restore that is refused take them along.
  await cli(daemon, ["restore", "web"]);
  assert.equal((await cli(daemon, ["exec", "web", "ls", "/data"])).stdout, "kept\n");
});

Deno.test("checkpoint: with a stand-in runtime: a checkpoint whose daemon is killed is kept, and is restored", async () => {
  await using stand = await withStandIn();
  const { daemon, runtime } = stand;
  const run = ["run", "-d", "--name", "web", ...rootfsArgs(daemon), "--", "sleep", "1000"];
  await ok(daemon, ...run);
  const gate = `${daemon.dir}/gate`;
  Deno.writeTextFileSync(gate, "");
  using cgroups = cgroupOptions();
  const strip = `${cgroups.strip} || exit 1`;
  const wait = `while [ -e '${gate}' ]; do sleep 0.02; done`;
  runtime.rule("checkpoint", `${strip}\n${wait}\n${strip}\n${CHECKPOINT}`);
  const checkpoint = cli(daemon, ["checkpoint", "--exit", "web"]);
  await runtime.called("checkpoint");
  const note = `${daemon.state}/cgroup2-options`;
  assert.equal(existsSync(note), findCgroup2() !== undefined);
  await daemon.kill9();
  const { code, stderr } = await checkpoint;
  assert.equal(code, 125);
  assert.match(
    stderr,
    /^berth: checkpoint of web: .*checkpoints\/web is kept: "berth events [^\n]*\n$/,
  );
  await daemon.start();
  assert.equal(existsSync(note), false);
  assert.ok(cgroups.areKept());
  Deno.removeSync(gate);
  await daemon.connected("web");
  await daemon.exitOf("web");
  await until("the image", () => existsSync(`${daemon.root}/checkpoints/web/inventory.img`));
  // By the shim.
  await until("the options of the host's cgroups", () => cgroups.areKept());
  await ok(daemon, "rm", "web");
  assert.deepEqual(await cli(daemon, ["restore", "web"]), { code: 0, stdout: "web\n", stderr: "" });
});

Deno.test("checkpoint: with a stand-in runtime: of a checkpoint that failed only criu's log is left", async () => {
  await using stand = await withStandIn();
  const { daemon, runtime } = stand;
  const run = ["run", "-d", "--name", "web", ...rootfsArgs(daemon), "--", "sleep", "1000"];
  await ok(daemon, ...run);
  const dir = `${daemon.root}/checkpoints/web`;
  runtime.rule("checkpoint", `${OPTIONS}echo half >"$image/pages.img"\nexit 1`);
  assert.equal((await cli(daemon, ["checkpoint", "web"])).code, 125);
  assert.equal(existsSync(dir), false);
  const log = "echo '(1) Error (criu/x.c:1): no' >\"$work/dump.log\"";
  runtime.rule("checkpoint", `${OPTIONS}echo half >"$image/pages.img"\n${log}\nexit 1`);
  // The log of the first failure does not make it another's directory for the second.
  for (let failure = 1; failure <= 2; failure++) {
    assert.equal((await cli(daemon, ["checkpoint", "web"])).code, 125);
    assert.deepEqual([...Deno.readDirSync(dir)].map(({ name }) => name), ["dump.log"]);
  }
  assert.match((await cli(daemon, ["restore", "web"])).stderr, /is no checkpoint of berth's/);
});

Deno.test("checkpoint: with a stand-in runtime: one that is there is not written over", async () => {
  await using stand = await withStandIn();
  const { daemon, runtime } = stand;
  const run = ["run", "-d", "--name", "web", ...rootfsArgs(daemon), "--", "sleep", "1000"];
  await ok(daemon, ...run);
  const path = `${daemon.root}/checkpoints/web`;
  await ok(daemon, "checkpoint", "web");
  const first = Deno.readTextFileSync(`${path}/berth-restore.json`);
  await ok(daemon, "update", "--memory", "64m", "web");
  runtime.rule("checkpoint", `${OPTIONS}echo half >"$image/inventory.img"\nexit 1`);
  const second = await cli(daemon, ["checkpoint", "--exit", "web"]);
  assert.equal(second.code, 125);
  assert.match(second.stderr, /^berth: cannot checkpoint web: \S+\/web is not empty, .*--path/);
  await assert.rejects(
    daemon.client.call("container.checkpoint", { id: "web", path }),
    (error) =>
      error instanceof FailedPreconditionError && /has a checkpoint already/.test(error.message),
  );
  // One without stdio has nothing outside of it that berth would tell CRIU.
  await daemon.run("bare", ["sleep", "1000"]);
  for (const id of ["web", "bare"]) {
    await assert.rejects(
      daemon.client.call("container.checkpoint", { id, path: `${path}/inventory.img/x` }),
      (error) =>
        error instanceof FailedPreconditionError &&
        /^container \S+: cannot write its checkpoint: .*Not a directory/.test(error.message),
      id,
    );
  }
  assert.equal(Deno.readTextFileSync(`${path}/inventory.img`), "image\n");
  assert.equal(Deno.readTextFileSync(`${path}/berth-restore.json`), first);
  assert.equal((await daemon.client.call("container.state", { id: "web" })).status, "running");
});

Deno.test("berth restore (stand-in runtime): a checkpoint that is not whole is refused before anything is made", async () => {
  await using stand = await withStandIn();
  const { daemon, runtime } = stand;
  const run = ["run", "-d", "--name", "web", ...rootfsArgs(daemon), "--", "sleep", "1000"];
  await ok(daemon, ...run);
  await ok(daemon, "checkpoint", "web");
  const path = `${daemon.root}/checkpoints/web`;
  // CRIU writes it last.
  Deno.removeSync(`${path}/inventory.img`);
  const { code, stderr } = await cli(daemon, ["restore", "--path", path, "web2"]);
  assert.equal(code, 125);
  assert.match(stderr, /^berth: \S+\/web is no whole checkpoint: .*inventory\.img/);
  assert.deepEqual(runtime.calls("restore"), []);
});

Deno.test("checkpoint: with a stand-in runtime: without criu checkpoint and restore end with 125", async () => {
  await using stand = await withStandIn();
  const { daemon, runtime } = stand;
  const run = ["run", "-d", "--name", "web", ...rootfsArgs(daemon), "--", "sleep", "1000"];
  await ok(daemon, ...run);
  await ok(daemon, "checkpoint", "web");
  const text = 'CRIU version check failed: exec: "criu": executable file not found in $PATH';
  for (const verb of ["checkpoint", "restore"]) runtime.fail(verb, text);
  const paths = { other: `${daemon.root}/other`, first: `${daemon.root}/checkpoints/web` };
  for (
    const argv of [
      ["checkpoint", "--path", paths.other, "web"],
      ["restore", "--path", paths.first, "web2"],
    ]
  ) {
    const { code, stderr } = await cli(daemon, argv);
    assert.equal(code, 125, stderr);
    assert.match(stderr, /exec: "criu": executable file not found/);
  }
});

Deno.test("berth restore (stand-in runtime): one under another id has a cgroup of its own", async () => {
  await using stand = await withStandIn();
  const { daemon, runtime } = stand;
  const run = ["run", "-d", "--name", "web", ...rootfsArgs(daemon), "--", "sleep", "1000"];
  await ok(daemon, ...run);
  await ok(daemon, "checkpoint", "web");
  const path = `${daemon.root}/checkpoints/web`;
  // CRIU before 4.2 reads the file that the spec names twice, and passes no fd on twice.
  const passedOnce = '! grep inherit-fd "$bundle/berth-criu.conf" && ' +
    "grep '^inherit-fd fd.1.:file' \"$CRIU_CONFIG_FILE\" || exit 1";
  runtime.rule("restore", `${OPTIONS}${passedOnce}\n${RESTORE}`);
  assert.equal((await cli(daemon, ["restore", "--path", path, "web2"])).stderr, "");
  const [web, web2] = await Promise.all(["web", "web2"].map(async (id) => {
    const { pid, bundle } = await daemon.stateOf(id);
    return { cgroup: Deno.readTextFileSync(`/proc/${pid}/cgroup`), bundle };
  }));
  assert.equal(web2?.cgroup, web?.cgroup.replaceAll(/\/web$/gm, "/web2"));
  const conf = Deno.readTextFileSync(`${web2?.bundle}/berth-criu-extra.conf`);
  assert.match(conf, /^cgroup-root \/.*\/web2$/m);
  await ok(daemon, "rm", "--force", "web2");
  assert.equal((await daemon.stateOf("web")).status, "running");
});

Deno.test("berth restore (stand-in runtime): what lands in another's cgroup is killed, and not the other", async () => {
  await using stand = await withStandIn();
  const { daemon, runtime } = stand;
  const run = ["run", "-d", "--name", "web", ...rootfsArgs(daemon), "--", "sleep", "1000"];
  await ok(daemon, ...run);
  await ok(daemon, "checkpoint", "web");
  const { pid } = await daemon.stateOf("web");
  // Of any hierarchy: `0::/a/web` is that of v2, `4:memory:/a/web` one of v1.
  const moved = `${RESTORE.replace("exec ", "")} || exit 1
while IFS=: read -r _ names path; do
  for dir in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/"\${names#name=}"; do
    [ -e "$dir$path/cgroup.procs" ] && cat "$pid_file" >"$dir$path/cgroup.procs"
  done
done </proc/${pid}/cgroup
exit 0`;
  runtime.rule("restore", moved);
  const restored = await cli(daemon, [
    "restore",
    "--path",
    `${daemon.root}/checkpoints/web`,
    "web2",
  ]);
  assert.equal(restored.code, 125);
  assert.match(restored.stderr, /into the cgroup \S+\/web, which is not its own \(\S+\/web2\)/);
  await assert.rejects(daemon.stateOf("web2"), /no container web2/);
  assert.equal((await daemon.stateOf("web")).pid, pid);
  await until("the end of the other process", async () => {
    const { processes } = await daemon.client.call("container.pids", { id: "web" });
    return processes.length === 1 && processes[0]?.pid === pid;
  });
});

testNeeding(
  ["criu"],
  "checkpoint: with the real criu, one that fails says why, and the container goes on",
  async () => {
    await using daemon = await TestDaemon.start();
    using events = await EventCollector.subscribe(daemon.socket);
    // Where CRIU does not fail earlier, it does at a TCP connection, which it may not close.
    const connect = "nc -lp 9999 -e sleep 1000 & until nc 127.0.0.1 9999 -e sleep 1000; do :; done";
    const namespaces = ["pid", "ipc", "uts", "mount", "network"].map((type) => ({ type }));
    const spec = daemon.spec(["sh", "-c", connect], { linux: { namespaces } });
    await daemon.client.call("container.create", { id: "one", spec });
    const { pid } = await daemon.client.call("container.start", { id: "one" });
    const isEstablished = /^ *\d+: \S+ \S+ 01 /m;
    await until(
      "a connection",
      () => isEstablished.test(Deno.readTextFileSync(`/proc/${pid}/net/tcp`)),
    );
    const path = `${daemon.root}/image`;
    await assert.rejects(
      daemon.client.call("container.checkpoint", { id: "one", path, exit: true }),
      (error) => {
        assert.ok(error instanceof RuntimeError);
        assert.match(
          error.message,
          /^container one: runc checkpoint failed: criu failed[^]*Error \(/,
        );
        const { criuLog } = error.data;
        assert.ok(Array.isArray(criuLog) && criuLog.length > 0);
        const log = Deno.readTextFileSync(`${path}/dump.log`);
        for (const line of criuLog) assert.ok(log.includes(String(line)));
        return true;
      },
    );
    const state = await daemon.stateOf("one");
    assert.equal(state.status, "running");
    const { execId } = await daemon.client.call("container.exec", {
      id: "one",
      process: { args: ["true"] },
    });
    const target = { id: "one", execId };
    assert.equal(
      (await daemon.client.call("container.wait", target)).exitStatus,
      0,
      "it is not frozen",
    );
    await daemon.restart();
    assert.equal((await daemon.stateOf("one")).status, "running");
    assert.deepEqual(events.matching({ type: "checkpointed" }), []);
  },
);

Deno.test("checkpoint: a container that has stopped cannot be checkpointed", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.run("one", ["true"]);
  await daemon.exitOf("one");
  await assert.rejects(
    daemon.client.call("container.checkpoint", { id: "one", path: `${daemon.root}/image` }),
    (error) => error instanceof FailedPreconditionError && /stopped/.test(error.message),
  );
});

networkTest(
  "checkpoint: with a stand-in runtime: a restored container has its network again",
  async () => {
    await using network = await TestNetwork.make();
    await using stand = await withStandIn({
      program: network.program,
      config: RESTORED_NETWORK_CONFIG,
    });
    await assertNetworkIsRestored(network, stand.daemon);
  },
);
