// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { containerFiles } from "../harness/files.ts";
import { cli, cliCommand, ok, rootfsArgs } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { until } from "../harness/poll.ts";

/** Arguments for a container with all of these that says so and goes on. */
function longRun(daemon: TestDaemon, ...options: string[]): string[] {
  const image = ["--overlay", ...rootfsArgs(daemon)];
  return ["run", ...options, "-i", "--name", "c", ...image, "--", "sh", "-c", "echo begun; cat"];
}

Deno.test("berth: with --rm nothing stays of a container whose shim was killed", async () => {
  await using daemon = await TestDaemon.start();
  await ok(daemon, ...longRun(daemon, "-d", "--rm"));
  assert.deepEqual(containerFiles(daemon), ["etc/c", "io/c", "logs/c", "overlay/c"]);
  await daemon.killShim("c");
  await daemon.untilEmpty();
  assert.deepEqual(containerFiles(daemon), []);
});

Deno.test("berth: with --rm nothing stays of it where somebody stays with it, too", async () => {
  await using daemon = await TestDaemon.start();
  const run = cliCommand(daemon, longRun(daemon, "--rm"), {
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const output = run.stdout.pipeThrough(new TextDecoderStream()).getReader();
  assert.equal((await output.read()).value, "begun\n");
  await daemon.killShim("c");
  assert.equal((await run.status).code, 137);
  await output.cancel();
  await run.stdin.close();
  await daemon.untilEmpty();
  assert.deepEqual(containerFiles(daemon), []);
});

Deno.test("berth: without --rm what it wrote stays, says rm, and goes with rm -f", async () => {
  await using daemon = await TestDaemon.start();
  await ok(daemon, ...longRun(daemon, "-d"));
  await until(
    "its output",
    () => Deno.readTextFileSync(`${daemon.root}/logs/c/container.log`) !== "",
  );
  await daemon.killShim("c");
  await daemon.untilEmpty();
  assert.equal((await cli(daemon, ["ps", "-q"])).stdout, "");
  assert.deepEqual(containerFiles(daemon), ["etc/c", "io/c", "logs/c", "overlay/c"]);
  assert.deepEqual(await cli(daemon, ["rm", "c"]), {
    code: 125,
    stdout: "",
    stderr: "berth: no container c; rm --force removes what is left of one: " +
      ["logs/c", "io/c", "overlay/c", "etc/c"].map((path) => `${daemon.root}/${path}`).join(", ") +
      "\n",
  });
  await ok(daemon, "rm", "-f", "c");
  assert.deepEqual(containerFiles(daemon), []);
});
