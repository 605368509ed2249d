// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../tests/harness/temp_dir.ts";
import { Reaper } from "../linux/process/reaper.ts";
import { endPluginRuns } from "./plugin_runs.ts";
import { pluginPath, runProgram } from "./run_program.ts";

Deno.test("runProgram: what a program writes is bounded, and what it starts has its lock", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  using reaper = Reaper.start({ reapAll: false });
  const runs = { containerId: `berth-${crypto.randomUUID()}`, lock: `${dir}/lock` };
  const run = (script: string, input = "", timeoutMs = 60_000) =>
    runProgram(["sh", "-c", script], {
      spawn: (argv, options) => reaper.spawn(argv, options),
      runs,
      env: { PATH: pluginPath() },
      input,
      timeoutMs,
      maxOutput: 300_000,
    });
  const whole = await run("cat; echo oops >&2; exit 3", "x".repeat(250_000));
  assert.equal(whole.exit?.status, 3);
  assert.equal(whole.stdout, "x".repeat(250_000));
  assert.equal(whole.stderr, "oops\n");
  for (const to of ["", ">&2"]) {
    const much = await run(`while :; do echo line ${to}; done`);
    assert.equal(much.exit, undefined);
    assert.equal(much.killed, "output");
    assert.ok(much.stdout.length + much.stderr.length < 500_000);
  }
  assert.equal((await run("sleep 60", "", 100)).killed, "late");
  // Its child goes on, without its name, and with its outputs.
  const left = await run("env -u CNI_CONTAINERID sleep 60 & echo $!");
  assert.equal(left.exit?.status, 0);
  Deno.statSync(`/proc/${left.stdout.trim()}`);
  await endPluginRuns(runs, 0);
  // A process that is killed lets go of its files, and so of the lock, before it is a zombie.
  const hasEnded = () => {
    try {
      return Deno.readTextFileSync(`/proc/${left.stdout.trim()}/stat`).includes(") Z ");
    } catch {
      return true;
    }
  };
  for (const end = Date.now() + 60_000; !hasEnded();) {
    assert.ok(Date.now() < end, "it was killed");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
});

Deno.test("pluginPath: entries that are not absolute are left out, and the system's are there", () => {
  const before = Deno.env.get("PATH") ?? "";
  try {
    Deno.env.set("PATH", "here::/opt/bin:./there");
    assert.match(pluginPath(), /^\/opt\/bin:(\/[^:]+:)*\/usr\/sbin(:\/[^:]+)*$/);
  } finally {
    Deno.env.set("PATH", before);
  }
});
