// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { cli, cliCommand, ok, rootfsArgs, sh } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { logFile, untilOpen } from "../harness/logs.ts";
import { until, within } from "../harness/poll.ts";

Deno.test("berth logs shows what a detached container wrote, follows it to its end, and goes with it", async () => {
  await using daemon = await TestDaemon.start();
  const script = "echo 1; echo 2 >&2; echo 3; read x; echo 4 $x; exit 3";
  const run = ["run", "-d", "-i", "--name", "web", ...rootfsArgs(daemon), ...sh(script)];
  await ok(daemon, ...run);
  await until(
    "three lines",
    async () => {
      const { stdout, stderr } = await cli(daemon, ["logs", "web"]);
      return stdout === "1\n3\n" && stderr === "2\n";
    },
  );
  const tail = (lines: string, stream: string) =>
    cli(daemon, ["logs", "--tail", lines, "--stream", stream, "web"]);
  assert.deepEqual(await tail("1", "stdout"), { code: 0, stdout: "3\n", stderr: "" });
  assert.deepEqual(await tail("2", "stdout"), { code: 0, stdout: "1\n3\n", stderr: "" });
  assert.deepEqual(await tail("7", "stderr"), { code: 0, stdout: "", stderr: "2\n" });
  assert.deepEqual(await tail("0", "stdout"), { code: 0, stdout: "", stderr: "" });

  const following = cliCommand(daemon, ["logs", "-f", "--tail", "1", "--stream", "stdout", "web"], {
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const output = following.stdout.pipeThrough(new TextDecoderStream()).getReader();
  assert.equal((await output.read()).value, "3\n");
  const attached = await cli(daemon, ["attach", "web"], { stdin: "go\n" });
  assert.deepEqual(attached, { code: 3, stdout: "4 go\n", stderr: "" });
  assert.equal((await output.read()).value, "4 go\n");
  assert.equal((await output.read()).done, true);
  assert.equal((await following.status).code, 0);

  assert.equal((await cli(daemon, ["logs", "-f", "web"])).stdout, "1\n3\n4 go\n");
  assert.deepEqual(await cli(daemon, ["rm", "web"]), { code: 0, stdout: "web\n", stderr: "" });
  assert.deepEqual([...Deno.readDirSync(`${daemon.root}/logs`)], []);
  assert.deepEqual([...Deno.readDirSync(`${daemon.root}/io`)], []);
  assert.equal((await cli(daemon, ["logs", "web"])).code, 125);
});

Deno.test("berth logs follows a terminal's output to its last byte", async () => {
  await using daemon = await TestDaemon.start();
  const script = "for i in 1 2 3 4 5 6 7 8 9; do echo line $i; done";
  const run = ["create", "-t", "--name", "tty", ...rootfsArgs(daemon), ...sh(script)];
  assert.deepEqual(await cli(daemon, run), { code: 0, stdout: "tty\n", stderr: "" });
  const following = cli(daemon, ["logs", "-f", "tty"]);
  // Who comes when it has exited already shows what is there by then, and does not wait for more.
  await untilOpen(daemon, "logs -f tty", logFile(daemon, "tty"));
  await ok(daemon, "start", "tty");
  const { stdout } = await following;
  assert.equal(stdout, [1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => `line ${n}\r\n`).join(""));
});

Deno.test("berth: a container with --rm that nobody stays with is removed when it has exited", async () => {
  await using daemon = await TestDaemon.start();
  const run = ["run", "-d", "-i", "--rm", ...rootfsArgs(daemon)];
  const { stdout } = await cli(daemon, [...run, ...sh("read x")]);
  const id = stdout.trim();
  assert.match(id, /^[a-z]+-[a-z]+-[0-9a-f]{3}$/);
  await daemon.restart();
  await daemon.connected(id);
  assert.equal((await cli(daemon, ["attach", id], { stdin: "\n" })).code, 0);
  await daemon.untilEmpty();
  for (const kind of ["logs", "io"]) {
    assert.deepEqual([...Deno.readDirSync(`${daemon.root}/${kind}`)], [], kind);
  }
});

Deno.test("berth create, start and attach give what run gives", async () => {
  await using daemon = await TestDaemon.start();
  const create = ["create", "-i", ...rootfsArgs(daemon)];
  const made = await cli(daemon, [...create, "--name", "a", ...sh("echo begun; cat; exit 4")]);
  assert.deepEqual(made, { code: 0, stdout: "a\n", stderr: "" });
  const state = await daemon.stateOf("a");
  assert.equal(state.status, "created");
  const attached = await cli(daemon, ["start", "-ai", "a"], { stdin: "typed\n" });
  assert.deepEqual(attached, { code: 4, stdout: "begun\ntyped\n", stderr: "" });
  assert.match((await cli(daemon, ["attach", "a"])).stderr, /a: it has exited/);
  const again = await cli(daemon, ["start", "-ai", "a"], { stdin: "more\n" });
  assert.deepEqual(again, { code: 4, stdout: "begun\nmore\n", stderr: "" });
  // Of one that runs, what comes from now on.
  await ok(daemon, "start", "a");
  await until("its first line", async () => {
    const { stdout } = await cli(daemon, ["logs", "a"]);
    return stdout.split("begun\n").length === 4;
  });
  const running = await cli(daemon, ["start", "-ai", "a"], { stdin: "third\n" });
  assert.deepEqual(running, { code: 4, stdout: "third\n", stderr: "" });

  await ok(daemon, ...create, "--name", "b", ...sh("exit 6"));
  assert.deepEqual(await cli(daemon, ["start", "b"]), { code: 0, stdout: "b\n", stderr: "" });
  assert.deepEqual(await cli(daemon, ["wait", "b", "a"]), {
    code: 0,
    stdout: "6\n4\n",
    stderr: "",
  });
});

Deno.test("berth attach shows what comes, and a second one to the same pipe is refused", async () => {
  await using daemon = await TestDaemon.start();
  const script = "echo hello; while read x; do echo got $x; done";
  const first = cliCommand(daemon, [
    ...["run", "-i", "--name", "a", ...rootfsArgs(daemon)],
    ...sh(script),
  ], { stdin: "piped", stdout: "piped", stderr: "inherit" }).spawn();
  const output = first.stdout.pipeThrough(new TextDecoderStream()).getReader();
  assert.equal((await output.read()).value, "hello\n");
  const refused = await cli(daemon, ["attach", "a"]);
  assert.equal(refused.code, 125);
  assert.match(refused.stderr, /another command is attached/);

  first.kill("SIGKILL");
  await first.status;
  await first.stdin.abort().catch(() => {
    // The pipe's other end is dead, as wanted.
  });
  const second = await cli(daemon, ["attach", "a"], { stdin: "again\n" });
  assert.deepEqual(second, { code: 0, stdout: "got again\n", stderr: "" });
  await output.cancel();
});

Deno.test("berth: a detached container that cannot start leaves no log", async () => {
  await using daemon = await TestDaemon.start();
  const failed = await within(
    "the failure",
    cli(daemon, ["run", "-d", "-i", ...rootfsArgs(daemon), "--", "nosuch"]),
  );
  assert.equal(failed.code, 127);
  for (const kind of ["logs", "io"]) {
    assert.deepEqual([...Deno.readDirSync(`${daemon.root}/${kind}`)], [], kind);
  }
});
