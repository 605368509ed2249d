// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { parseSignal } from "../../src/linux/process/signals.ts";
import { cli, cliCommand, ok, rootfsArgs, runDetached } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { until, within } from "../harness/poll.ts";
import { hasTrap } from "../harness/processes.ts";
import { RuntimeWrapper } from "../harness/runtime/runtime_wrapper.ts";
import { OPTIONS } from "../harness/runtime/stand_in_checkpoints.ts";

Deno.test("berth kill, pause, resume, wait and rm do what they say, to several at once", async () => {
  await using daemon = await TestDaemon.start();
  await runDetached(daemon, "a", "sleep", "1000");
  await runDetached(daemon, "b", "sh", "-c", "trap 'exit 4' HUP; while :; do sleep 0.05; done");
  assert.deepEqual(await cli(daemon, ["pause", "a", "ghost", "b"]), {
    code: 125,
    stdout: "a\nb\n",
    stderr: (await cli(daemon, ["pause", "ghost"])).stderr,
  });
  assert.match((await cli(daemon, ["ps"])).stdout, /a +Up .* \(Paused\)/);
  assert.equal((await cli(daemon, ["resume", "a"])).stdout, "a\n");
  assert.equal((await cli(daemon, ["unpause", "b"])).stdout, "b\n");
  const refused = await cli(daemon, ["rm", "a"]);
  assert.equal(refused.code, 125);
  assert.match(refused.stderr, /container a .*: berth rm --force a\n$/);
  assert.equal((await cli(daemon, ["kill", "a"])).stdout, "a\n");
  const waiting = cli(daemon, ["wait", "a", "b"]);
  const { pid } = await daemon.stateOf("b");
  await until("the trap", () => hasTrap(pid, parseSignal("HUP")));
  assert.equal((await cli(daemon, ["kill", "-s", "HUP", "b"])).stdout, "b\n");
  assert.equal((await waiting).stdout, "137\n4\n");
  assert.equal((await cli(daemon, ["rm", "a"])).stdout, "a\n");
  await runDetached(daemon, "c", "sleep", "1000");
  assert.equal((await cli(daemon, ["rm", "-f", "b", "c"])).stdout, "b\nc\n");
  assert.deepEqual([...Deno.readDirSync(`${daemon.root}/logs`)], []);
});

Deno.test("berth wait goes on while the daemon is away", async () => {
  await using daemon = await TestDaemon.start();
  await runDetached(daemon, "a", "sleep", "1000");
  await runDetached(daemon, "b", "sh", "-c", "exit 2");
  const { pid } = await daemon.stateOf("a");
  const child = cliCommand(daemon, ["wait", "b", "a"], {
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  assert.equal((await output.read()).value, "2\n");
  await daemon.kill9();
  Deno.kill(pid, "SIGKILL");
  await daemon.start();
  assert.equal((await within("its status", output.read())).value, "137\n");
  assert.equal((await output.read()).done, true);
  assert.equal((await child.status).code, 0);
});

Deno.test("berth: a checkpoint that fails says why and leaves the container running", async () => {
  await using daemon = await TestDaemon.start();
  await runDetached(daemon, "a", "sleep", "1000");
  const { code, stderr } = await cli(daemon, ["checkpoint", "a"]);
  assert.equal(code, 125, stderr);
  assert.match(stderr, /^berth: [^\n]*a[^\n]*\n$/);
  const { status } = await daemon.stateOf("a");
  assert.equal(status, "running");
});

Deno.test("berth: checkpoint and restore, with a stand-in for what needs CRIU, make the container again", async () => {
  await using daemon = await TestDaemon.start();
  const runtime = RuntimeWrapper.create(daemon.dir);
  runtime.rule("checkpoint", `${OPTIONS}echo image >"$image/inventory.img"\nexit`);
  // In the place of a restore the container is run anew.
  runtime.rule(
    "restore",
    `for argument in "$@"; do
  shift
  case $argument in
    restore) set -- "$@" run ;;
    --image-path | --work-path) skip=1 ;;
    *) if [ -n "$skip" ]; then skip=; else set -- "$@" "$argument"; fi ;;
  esac
done`,
  );
  const made = await cli(daemon, [
    ...["run", "-d", "--name", "a", "-l", "kept=yes", "--runtime", runtime.path],
    ...[...rootfsArgs(daemon), "--", "sh", "-c", "echo begun; exec sleep 1000"],
  ]);
  assert.equal(made.code, 0, made.stderr);
  const path = `${daemon.root}/checkpoints/a`;
  assert.deepEqual(await cli(daemon, ["checkpoint", "a"]), {
    code: 0,
    stdout: `${path}\n`,
    stderr: "",
  });
  assert.ok(runtime.calls("checkpoint")[0]?.args.includes(path));
  await ok(daemon, "rm", "-f", "a");

  assert.deepEqual(await cli(daemon, ["restore", "a"]), { code: 0, stdout: "a\n", stderr: "" });
  assert.ok(runtime.calls("restore")[0]?.args.includes(path));
  const state = await daemon.stateOf("a");
  assert.deepEqual([state.status, state.labels["kept"]], ["running", "yes"]);
  await until("its log", async () => (await cli(daemon, ["logs", "a"])).stdout === "begun\n");

  const overlaid = [
    ...["run", "-d", "--overlay", "--name", "b", "--runtime", runtime.path],
    ...[...rootfsArgs(daemon), "--", "sleep", "1000"],
  ];
  await ok(daemon, ...overlaid);
  assert.match((await cli(daemon, ["checkpoint", "b"])).stderr, /overlay/);
});
