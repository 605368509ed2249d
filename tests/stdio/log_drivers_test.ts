// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { cli, cliCommand, ok, rootfsArgs, sh } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { untilOpen } from "../harness/logs.ts";
import { until, within } from "../harness/poll.ts";
import { signalChild } from "../harness/processes.ts";
import { PtyProcess } from "../harness/io/pty.ts";
import { program } from "../harness/run.ts";

Deno.test("log drivers: a raw log has the bytes, over a restart too, and none has nothing", async () => {
  await using daemon = await TestDaemon.start();
  const go = `${daemon.dir}/go`;
  Deno.mkdirSync(go);
  const begin = (id: string, ...flags: string[]) => {
    const script = "trap 'echo bye; exit 3' TERM; printf 'on\\0e\\n'; echo two >&2; " +
      `touch /mnt/${id}; while :; do sleep 0.05; done`;
    return ["-v", `${go}:/mnt`, "--name", id, ...flags, ...rootfsArgs(daemon), ...sh(script)];
  };
  const listens = async (id: string) => {
    await until("the script", () => existsSync(`${go}/${id}`));
    Deno.removeSync(`${go}/${id}`);
  };
  const logs = (...args: string[]) => cli(daemon, ["logs", ...args]);
  for (const id of ["raw", "none"]) {
    const run = ["run", "-d", ...begin(id, "--log-driver", id)];
    assert.deepEqual(await cli(daemon, run), { code: 0, stdout: `${id}\n`, stderr: "" });
    await listens(id);
  }
  const once = "on\0e\ntwo\n";
  const file = `${daemon.root}/logs/raw/raw.log`;
  assert.equal((await daemon.stateOf("raw")).log?.path, file);
  assert.equal(Deno.readTextFileSync(file), once);
  assert.deepEqual(await logs("raw"), { code: 0, stdout: once, stderr: "" });
  assert.equal((await logs("-n", "1", "raw")).stdout, "two\n");
  for (const flag of [["-t"], ["--since", "1h"], ["--until", "0s"], ["--stream", "stdout"]]) {
    const { code, stderr } = await logs(...flag, "raw");
    assert.equal(code, 125);
    assert.match(stderr, /raw has a raw log, .* cannot be used/);
  }
  assert.match((await logs("raw", "none")).stderr, /raw has a raw log, .*: print it alone/);
  const noLog = /^berth: none keeps no log: .* unless the log driver is none\n$/;
  assert.match((await logs("none")).stderr, noLog);
  assert.match((await logs("-f", "none")).stderr, noLog);
  const noStdio = "berth: cannot attach to none: it was made without stdin and stdout\n";
  assert.equal((await cli(daemon, ["attach", "none"])).stderr, noStdio);
  assert.deepEqual(Array.from(Deno.readDirSync(`${daemon.root}/logs`), ({ name }) => name), [
    "raw",
  ]);

  // Follows and watches over a restart, until the container is gone for good.
  const piped = { stdin: "null", stdout: "piped", stderr: "piped" } as const;
  const follower = cliCommand(daemon, ["logs", "-f", "raw"], piped).spawn();
  using stack = new DisposableStack();
  stack.defer(() => signalChild(follower, "SIGKILL"));
  const followed = follower.output();
  await untilOpen(daemon, "logs -f raw", file);
  const watched = cliCommand(daemon, ["attach", "raw"], piped).output();
  await untilOpen(daemon, "attach raw", file);
  await ok(daemon, "restart", "raw");
  await listens("raw");
  const watcher = await within("the end of attach", watched);
  assert.equal(watcher.code, 3);
  // What the next run writes at once may follow.
  assert.match(new TextDecoder().decode(watcher.stdout), /^bye\n/);
  await ok(daemon, "restart", "none");
  await listens("none");
  await ok(daemon, "stop", "raw", "none");
  const twice = `${once}bye\n${once}bye\n`;
  const { stdout, stderr } = await within("the end of logs", followed);
  assert.deepEqual(
    [new TextDecoder().decode(stdout), new TextDecoder().decode(stderr)],
    [twice, ""],
  );
  assert.equal((await logs("raw")).stdout, twice);
  await ok(daemon, "rm", "raw", "none");
  assert.deepEqual([...Deno.readDirSync(`${daemon.root}/logs`)], []);
});

Deno.test("log drivers: a terminal's output goes to a raw log, and nowhere with none", async () => {
  await using daemon = await TestDaemon.start();
  const env = { BERTH_SOCKET: daemon.socket };
  const at = (...args: string[]) =>
    new PtyProcess([...program(), ...args], { env, cwd: daemon.dir });
  for (const driver of ["raw", "none"]) {
    const flags = ["--log-driver", driver, "--name", driver, "-e", "PS1=$ "];
    await using first = at("run", "-it", ...flags, ...rootfsArgs(daemon), "--", "sh");
    await first.shows("$ ");
    first.type("echo o''ne\r");
    await first.shows("one\r\n");
    first.type("\x10\x11");
    assert.equal(await first.exited(), 0);
    await using second = at("attach", driver);
    if (driver === "raw") {
      const file = `${daemon.root}/logs/raw/raw.log`;
      await untilOpen(daemon, "attach raw", file);
    }
    await second.isRaw();
    second.type("echo t''wo\r");
    await second.shows("two\r\n");
    assert.doesNotMatch(second.output, /one/);
    second.type("exit 7\r");
    assert.equal(await second.exited(), 7);
    const { code, stdout, stderr } = await cli(daemon, ["logs", driver]);
    if (driver === "none") assert.match(stderr, /^berth: none keeps no log/);
    else assert.match(stdout, /\r\none\r\n.*\r\ntwo\r\n/s);
    assert.equal(code, driver === "none" ? 125 : 0);
  }
});
