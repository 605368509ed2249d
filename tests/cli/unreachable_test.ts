// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { output } from "../harness/command.ts";
import { cli } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { program } from "../harness/run.ts";

Deno.test("berth: without a daemon each verb says where none listens and how to start one", async () => {
  await using daemon = TestDaemon.prepare();
  for (
    const args of [
      ["ps"],
      ["run", "--rootfs", "/", "true"],
      ["exec", "c", "true"],
      ["attach", "c"],
      ["logs", "c"],
      ["events"],
      ["stats"],
      ["call", "daemon.info"],
      ["rm", "c"],
    ]
  ) {
    const { code, stdout, stderr } = await cli(daemon, args);
    assert.equal(code, 125, args.join(" "));
    assert.equal(stdout, "");
    assert.match(
      stderr,
      /^berth: no daemon listens on \S+\/berth\.sock: start one with "berth daemon"[^\n]*\n$/,
    );
    assert.ok(stderr.includes(daemon.socket));
  }
  const other = await cli(daemon, ["ps", "--socket", "/nowhere.sock"]);
  assert.match(other.stderr, /on \/nowhere\.sock:/);
  const before = await cli(daemon, ["--socket", "/before.sock", "ps"]);
  assert.match(before.stderr, /on \/before\.sock:/);
  const version = await cli(daemon, ["version"]);
  assert.equal(version.code, 0);
  assert.match(version.stdout, /^berth \d+\.\d+\.\d+ .*\ndaemon: none/);
});

Deno.test("berth: someone who may not use the socket is told so", async () => {
  await using daemon = await TestDaemon.start();
  // Root without its right to pass by file modes is a user like any other.
  await Deno.chown(daemon.socket, 65534, 65534);
  const rights = "-dac_override,-dac_read_search";
  const without = ["setpriv", "--bounding-set", rights, "--inh-caps", rights];
  const env = { BERTH_SOCKET: daemon.socket };
  const { code, stderr } = await output([...without, ...program(), "ps"], { env });
  assert.equal(code, 125);
  assert.match(stderr, /^berth: permission denied on \S+berth\.sock: [^\n]+\n$/);
});

Deno.test("berth: a container that is not there is one clear line and 125, whatever the verb", async () => {
  await using daemon = await TestDaemon.start();
  for (
    const args of [
      ["start", "ghost"],
      ["inspect", "ghost"],
      ["exec", "ghost", "true"],
      ["attach", "ghost"],
      ["kill", "ghost"],
      ["pause", "ghost"],
      ["resume", "ghost"],
      ["wait", "ghost"],
      ["rm", "ghost"],
      ["rm", "-f", "ghost"],
      ["logs", "ghost"],
      ["ps", "ghost"],
      ["top", "ghost"],
      ["stats", "--no-stream", "ghost"],
      ["update", "--pids", "5", "ghost"],
      ["checkpoint", "ghost"],
      ["restore", "ghost"],
    ]
  ) {
    const { code, stderr } = await cli(daemon, args);
    assert.equal(code, 125, `${args.join(" ")}: ${stderr}`);
    assert.match(stderr, /^berth: [^\n]*ghost[^\n]*\n$/, args.join(" "));
  }
  const usage = await cli(daemon, ["ps", "--no-such-option"]);
  assert.equal(usage.code, 125);
  assert.match(usage.stderr, /^berth: unknown option '--no-such-option'\n$/);
});
