// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { cli, ok, rootfsArgs } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { FailpointFile, NO_FAILPOINTS } from "../harness/program/failpoints.ts";
import { until } from "../harness/poll.ts";

Deno.test("berth: wait and logs -f see a service to its end, and ps says that it is restarting", async () => {
  await using daemon = await TestDaemon.start();
  const run = ["run", "-d", "--name", "web", "--restart", "on-failure:7", ...rootfsArgs(daemon)];
  const { code, stderr } = await cli(daemon, [...run, "--", "sh", "-c", "echo ran; exit 3"]);
  assert.equal(code, 0, stderr);
  // Before the last of its restarts it rests for more than six seconds, in which a ps must fall.
  const [waited, logged, status] = await Promise.all([
    cli(daemon, ["wait", "web"]),
    cli(daemon, ["logs", "-f", "web"]),
    until("Restarting in ps", async () => {
      const { stdout } = await cli(daemon, ["ps", "--format", "{{.State}} {{.Status}}"]);
      return stdout.startsWith("restarting ") && stdout;
    }),
  ]);
  assert.match(status, /^restarting Restarting \(3\) .*ago/);
  assert.deepEqual(waited, { code: 0, stdout: "3\n", stderr: "" });
  assert.deepEqual(logged, { code: 0, stdout: "ran\n".repeat(8), stderr: "" });
  const inspected = JSON.parse((await cli(daemon, ["inspect", "web"])).stdout);
  assert.deepEqual([inspected.restartCount, inspected.restart.policy], [7, "on-failure"]);

  assert.equal((await cli(daemon, ["update", "--restart", "no", "web"])).stdout, "web\n");
  assert.deepEqual(await cli(daemon, ["restart", "web"]), { code: 0, stdout: "web\n", stderr: "" });
  assert.equal((await cli(daemon, ["wait", "web"])).stdout, "3\n");
  await ok(daemon, "rm", "web");

  const both = await cli(daemon, [...run, "--rm", "--", "true"]);
  assert.match(both.stderr, /cannot be both removed/);
  const bad = await cli(daemon, [
    "run",
    "--restart",
    "always:3",
    ...rootfsArgs(daemon),
    "--",
    "sh",
  ]);
  assert.match(bad.stderr, /on-failure:TIMES/);
  assert.deepEqual([...Deno.readDirSync(`${daemon.root}/containers`)], []);
});

Deno.test({
  name: "berth rm -f removes a container that is being restarted, and its files with it alone",
  ignore: NO_FAILPOINTS,
  fn: async () => {
    using failpoints = new FailpointFile();
    await using daemon = await TestDaemon.start({ env: failpoints.env });
    const run = ["run", "-d", "--overlay", "--name", "web", "--restart", "always"];
    failpoints.arm("restart.begin=delay:1500");
    const { code, stderr } = await cli(daemon, [...run, ...rootfsArgs(daemon), "--", "sleep", "1"]);
    assert.equal(code, 0, stderr);
    await until("the exit", async () => {
      const { containers } = await daemon.client.call("container.list", { ids: ["web"] });
      return containers[0]?.status === "stopped";
    });
    assert.deepEqual(await cli(daemon, ["rm", "-f", "web"]), {
      code: 0,
      stdout: "web\n",
      stderr: "",
    });
    assert.deepEqual(await daemon.containerIds(), []);
    for (const dir of ["containers", "overlay", "etc"]) {
      assert.deepEqual([...Deno.readDirSync(`${daemon.root}/${dir}`)], [], dir);
    }
  },
});
