// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { StandIn } from "../harness/stand_in.ts";
import { cli, ok, rootfsArgs } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { until } from "../harness/poll.ts";
import { processesOf } from "../harness/processes.ts";
import { baseName } from "../harness/run.ts";

const shims = (daemon: TestDaemon) =>
  processesOf(baseName(daemon.dir)).filter(({ command }) => command.includes("--control"));

Deno.test("berth shutdown stops every container with its own signal, and their shims leave", async () => {
  await using daemon = await TestDaemon.start({ config: "[shim]\nwarm = 0\n" });
  const script = 'trap "echo bye; exit 0" TERM; touch /mnt/on; while :; do sleep 0.05; done';
  const mnt = `${daemon.dir}/mnt`;
  Deno.mkdirSync(mnt);
  for (const id of ["a", "b"]) {
    const run = ["run", "-d", "--name", id, "-v", `${mnt}:/mnt`, ...rootfsArgs(daemon)];
    await ok(daemon, ...run, "--", "sh", "-c", script);
    await until("the script", () => [...Deno.readDirSync(mnt)].length > 0);
    Deno.removeSync(`${mnt}/on`);
  }
  await cli(daemon, ["create", "--name", "c", ...rootfsArgs(daemon), "--", "true"]);

  // This machine is not shutting down.
  const stop = ["shutdown", "--if-system-stopping"];
  const nothing = await cli(daemon, stop);
  assert.deepEqual(nothing, { code: 0, stdout: "", stderr: "" });
  using systemctl = new StandIn("systemctl", "echo stopping\nexit 1");
  const { code, stdout, stderr } = await cli(daemon, stop, { env: systemctl.env });
  assert.deepEqual([code, stderr], [0, ""]);
  assert.deepEqual(stdout.trim().split("\n").sort(), ["a", "b", "c"]);
  assert.equal((await cli(daemon, ["ps", "-aq"])).stdout, "");
  await until("the end of the shims", () => shims(daemon).length === 0);
  const { events } = await daemon.client.call("events.read", { types: ["exit"], ids: ["a", "b"] });
  assert.deepEqual(events.map(({ exitStatus }) => exitStatus), [0, 0]);
  await daemon.stop();
  assert.doesNotMatch(daemon.log, /keep running/);
});
