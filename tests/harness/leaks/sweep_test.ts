// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { cgroupHierarchies } from "../../../src/linux/cgroup/cgroup.ts";
import { until, within } from "../poll.ts";
import { processesOf, readProcess } from "../processes.ts";
import { runCgroup, runDir, uniqueName } from "../run.ts";
import { sweep } from "./sweep.ts";
import { cgroupsOf, mountsOf } from "./traces.ts";

Deno.test("sweep: a sweep ends, unmounts and removes what has to do with its directory, and only that", async () => {
  const name = uniqueName("sweep");
  const dir = `${runDir()}/${name}`;
  const cgroup = `${runCgroup()}/${name}`;
  await Deno.mkdir(`${dir}/mnt/inner`, { recursive: true });
  const start = (options: Deno.CommandOptions) =>
    new Deno.Command("sleep", { ...options, args: ["600"], stdin: "null" }).spawn();
  const byDirectory = start({ cwd: dir });
  const byEnvironment = start({ env: { HINT: dir } });
  const byCgroup = start({});
  const bystander = start({});
  // Not in `cpuset`, which takes no process before it is set up.
  const hierarchies = cgroupHierarchies().filter(({ names }) => !names.includes("cpuset"));
  for (const { mountPoint } of hierarchies) {
    await Deno.mkdir(`${mountPoint}/${cgroup}/inner`, { recursive: true });
  }
  const [first] = hierarchies;
  assert.ok(first);
  await Deno.writeTextFile(`${first.mountPoint}/${cgroup}/inner/cgroup.procs`, `${byCgroup.pid}`);
  await new Deno.Command("mount", { args: ["-t", "tmpfs", "tmpfs", `${dir}/mnt`] }).output();
  assert.equal(mountsOf(name).length, 1);
  const copies = new Deno.Command("unshare", {
    args: ["--mount", "--propagation", "private", "sleep", "600"],
    stdin: "null",
  }).spawn();
  await until("the other namespace", () => readProcess(copies.pid)?.command === "sleep 600");
  // A process that was just started may not show its environment yet.
  await until("the three processes", () => processesOf(name).length === 3);

  const ended = await sweep({ dir, cgroup });

  assert.match(ended.join("; "), /sleep 600/);
  for (const child of [byDirectory, byEnvironment, byCgroup]) {
    assert.equal((await within("the end of a process", child.status)).signal, "SIGKILL");
  }
  assert.deepEqual(mountsOf(name), []);
  assert.deepEqual(cgroupsOf(cgroup), []);
  await assert.rejects(Deno.stat(dir), Deno.errors.NotFound);
  assert.equal(processesOf(name).length, 0);
  for (const child of [bystander, copies]) {
    child.kill();
    assert.equal((await child.status).signal, "SIGTERM", "the bystander was left alone");
  }
});
