// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { output } from "../harness/command.ts";
import { SmallDisk } from "../harness/small_disk.ts";
import { cli, type CliResult, ok, rootfsArgs } from "../harness/cli.ts";
import { COLD, TestDaemon } from "../harness/daemon.ts";
import { program } from "../harness/run.ts";

/** Runs `berth` with its output at the end of a shell's redirection. */
function shell(daemon: TestDaemon, redirection: string, args: readonly string[]) {
  const argv = ["sh", "-c", `exec "$@" ${redirection}`, "sh", ...program(), ...args];
  return output(argv, { env: { BERTH_SOCKET: daemon.socket } });
}

function assertSays({ code, stderr }: Pick<CliResult, "code" | "stderr">, pattern: RegExp): void {
  assert.match(stderr, /^berth: [^\n]+\n$/, `one line: ${stderr}`);
  assert.match(stderr, pattern);
  assert.match(stderr, /no space left on device/i);
  assert.equal(code, 125);
}

Deno.test("berth: a full disk is told with the file that has no room there", async () => {
  await using daemon = await TestDaemon.start();
  using disk = new SmallDisk(`${daemon.dir}/disk`, "size=1m");
  const { dir } = disk;
  const run = ["run", ...rootfsArgs(daemon)];
  const web = ["-d", "--name", "web", "--tmpfs", "/small:size=16k", "--", "sleep", "1000"];
  await ok(daemon, ...run, ...web);
  disk.fill();
  const cid = ["--rm", "--cidfile", `${dir}/cid`, "--", "true"];
  for (
    const [args, pattern] of [
      [["cp", "web:/bin/busybox", dir], /cannot write \S+\/disk\/busybox: .*not whole/],
      [["cp", "/bin/busybox", "web:/small/b"], /cannot write web:\/small\/b: .*not whole/],
      [
        ["install", "docs", "--prefix", `${dir}/usr`],
        /cannot write \S+\/berth\.1\.\S+\.draft: .*make room/,
      ],
      [["install", "containerd-shim", "--dir", dir], /cannot write \S+\.draft: .*make room/],
      [[...run, ...cid], /--cidfile: cannot write \S+\/cid: .*make room/],
    ] as const
  ) assertSays(await cli(daemon, args), pattern);
  const left = Array.from(Deno.readDirSync(dir), ({ name }) => name);
  assert.deepEqual(left.filter((name) => /draft|cid/.test(name)), []);
  assert.deepEqual(await daemon.containerIds(), ["web"]);
});

Deno.test("berth: standard output that has no room is named", async () => {
  await using daemon = await TestDaemon.start();
  const run = ["run", "-d", "--name", "web", ...rootfsArgs(daemon), "--", "sleep", "1000"];
  await ok(daemon, ...run);
  for (
    const args of [
      ["ps"],
      ["inspect", "web"],
      ["completion", "zsh"],
      ["cp", "web:/bin", "-"],
      ["daemon", "--print-unit"],
    ]
  ) assertSays(await shell(daemon, ">/dev/full", args), /cannot write standard output: /);
});

Deno.test("berth: a full root of the daemon is told with the file that has no room there", async () => {
  await using daemon = TestDaemon.prepare({ config: COLD });
  using disk = new SmallDisk(daemon.root);
  await daemon.start();
  const run = ["run", "-d", ...rootfsArgs(daemon)];
  await ok(daemon, ...run, "--name", "web", "--", "sleep", "1000");
  disk.fill();
  const path = new RegExp(`cannot write ${daemon.root}/\\S+: .*make room`);
  assertSays(await cli(daemon, [...run, "--name", "new", "--", "true"]), path);
  assertSays(await cli(daemon, ["update", "--restart", "always", "web"]), path);
  Deno.removeSync(`${daemon.root}/filler`);
  await ok(daemon, "rm", "-f", "web");
  await daemon.stop();
});
