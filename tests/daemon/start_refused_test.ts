// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { output } from "../harness/command.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { program } from "../harness/run.ts";

Deno.test("start refused: a second daemon on the same state directory fails and leaves the first alone", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.run("c", ["sleep", "1000"]);
  const argv = [...program(), "daemon", "--config", daemon.configFile];
  const { code, stderr } = await output(argv, { cwd: daemon.dir });
  assert.equal(code, 125);
  assert.match(
    stderr,
    /^berth: cannot start the daemon: another berth daemon is running on \S+state[^\n]*\n$/,
  );
  assert.equal((await daemon.stateOf("c")).status, "running");
  using other = await daemon.connect();
  await other.call("daemon.info", {});
  assert.equal((await daemon.remove("c")).exitStatus, 137);
});

Deno.test("start refused: a second daemon on the same root directory fails, and has it once the first is gone", async () => {
  await using daemon = await TestDaemon.start();
  // The later --root wins over the config's own.
  await using other = TestDaemon.prepare({ args: ["--root", daemon.root] });
  other.spawn();
  assert.equal((await other.exited()).code, 125);
  assert.match(
    other.log,
    /^berth: cannot start the daemon: another berth daemon has \S+root, choose another --root [^\n]*\n$/,
  );
  await daemon.kill9();
  await other.start();
  assert.equal(await other.life("c"), 0);
  await other.stop();
  await daemon.start();
});

Deno.test("start refused: not where the root directory is the state directory", async () => {
  await using daemon = TestDaemon.prepare();
  await using same = await TestDaemon.start({
    args: ["--root", `${daemon.dir}/s`],
    state: `${daemon.dir}/s`,
  });
  assert.equal(await same.life("c"), 0);
  await same.stop();
});

Deno.test("start refused: a state directory that cannot be made is one clear line", async () => {
  await using daemon = TestDaemon.prepare();
  const file = `${daemon.dir}/file`;
  await Deno.writeTextFile(file, "");
  for (const state of [`${file}/state`, "/proc/berth", file]) {
    const argv = [...program(), "daemon", "--state", state, "--root", `${daemon.dir}/root`];
    const { code, stderr } = await output(argv, { cwd: daemon.dir });
    assert.equal(code, 125, stderr);
    assert.match(stderr, /^berth: cannot start the daemon: [^\n]+\n$/);
    assert.ok(stderr.includes(state), stderr);
  }
});

Deno.test("start refused: a state directory of another user's, without the right to write, is one clear line", async () => {
  await using daemon = TestDaemon.prepare();
  await Deno.mkdir(daemon.state, { mode: 0o555 });
  // Root without its right to pass by file modes is a user like any other; so is its owner not.
  await Deno.chown(daemon.state, 65534, 65534);
  const rights = "-dac_override,-dac_read_search,-fowner";
  const argv = [
    ...["setpriv", "--bounding-set", rights, "--inh-caps", rights],
    ...[...program(), "daemon", "--config", daemon.configFile],
  ];
  const { code, stderr } = await output(argv, { cwd: daemon.dir });
  assert.equal(code, 125, stderr);
  assert.match(stderr, /^berth: cannot start the daemon: [^\n]+\n$/);
  assert.ok(stderr.includes(daemon.state), stderr);
  assert.match(stderr, /belongs to uid 65534/);
});
