// SPDX-License-Identifier: MIT
//
// Pods, as kubelet has them: containerd's CRI plugin, driven over its gRPC API, on berth's shim.
import assert from "node:assert/strict";
import { testNeeding } from "../../scripts/test_needing.ts";
import { CRI_STATE, CriContainerd, fieldsOf, NAMESPACE } from "../harness/containerd/cri.ts";
import { mountsOf } from "../harness/leaks/traces.ts";
import { until } from "../harness/poll.ts";
import { baseName } from "../harness/run.ts";

/** A shell that says so on both streams, and ends with 7 when it is told to. */
const SERVER = [
  "sh",
  "-c",
  "trap 'exit 7' TERM; echo out; echo err >&2; while :; do sleep 1; done",
];

testNeeding(["containerd"], "containerd cri: a pod's containers, from run to remove", async () => {
  await using cri = await CriContainerd.start();
  const pod = await cri.runPod("pod");
  const server = await cri.run(pod, "server", SERVER, { pid: NAMESPACE.pod });
  const other = await cri.run(pod, "other", ["sleep", "1000"], { pid: NAMESPACE.pod });
  const alone = await cri.run(pod, "alone", ["sleep", "1000"]);
  assert.equal(cri.shimPids().length, 1);

  await until("its log", () => cri.log("server").length === 2);
  assert.deepEqual(cri.log("server").toSorted(), ["stderr F err", "stdout F out"]);
  const first = async (id: string) =>
    (await cri.exec(id, ["cat", "/proc/1/cmdline"])).stdout.replaceAll("\0", " ");
  assert.equal(await first(server), "sleep 1000000 ");
  assert.equal(await first(other), "sleep 1000000 ");
  assert.equal(await first(alone), "sleep 1000 ");
  assert.deepEqual(
    await cri.exec(alone, ["sh", "-c", "echo o; echo e >&2; exit 3"]),
    { stdout: "o\n", stderr: "e\n", exitCode: 3 },
  );
  await assert.rejects(
    cri.exec(alone, ["nosuch"]),
    /"nosuch": executable file not found in \$PATH/,
  );
  await assert.rejects(cri.exec(alone, ["sleep", "777"], 1), /DEADLINE_EXCEEDED|timeout/);
  assert.doesNotMatch((await cri.exec(alone, ["ps"])).stdout, /sleep 777/);

  const { stats } = await cri.call("ContainerStats", { container_id: server });
  const { cpu, memory } = fieldsOf(stats);
  const { usage_core_nano_seconds: time } = fieldsOf(cpu), { working_set_bytes } = fieldsOf(memory);
  assert.ok(Number(fieldsOf(time)["value"]) > 0);
  assert.ok(Number(fieldsOf(working_set_bytes)["value"]) > 0);
  await cri.call("UpdateContainerResources", {
    container_id: alone,
    linux: { memory_limit_in_bytes: 64 * 1024 * 1024 },
  });

  const grower = "x=x; while :; do x=$x$x; done";
  const killed = await cri.run(pod, "killed", ["sh", "-c", grower], { memory: 16 * 1024 * 1024 });
  assert.deepEqual(
    await cri.exited(killed),
    { state: CRI_STATE.exited, exitCode: 137, reason: "OOMKilled" },
  );
  await cri.call("StopContainer", { container_id: server, timeout: 20 });
  const { exitCode, reason } = await cri.status(server);
  assert.deepEqual([exitCode, reason], [7, "Error"]);
  await cri.call("StopContainer", { container_id: other, timeout: 0 });
  assert.equal((await cri.status(other)).exitCode, 137);
  for (const id of [server, other, killed]) {
    await cri.call("RemoveContainer", { container_id: id });
  }
  // One container runs still.
  await cri.call("StopPodSandbox", { pod_sandbox_id: pod });
  await cri.call("RemovePodSandbox", { pod_sandbox_id: pod });
  await until("the end of the shim", () => cri.shimPids().length === 0);
  assert.deepEqual(mountsOf(baseName(cri.dir)), []);
});

testNeeding(
  ["containerd"],
  "containerd cri: a pod outlives containerd, and is removed when its shim was killed",
  async () => {
    await using cri = await CriContainerd.start();
    const pod = await cri.runPod("pod");
    const server = await cri.run(pod, "server", SERVER);
    const script = "trap 'exit 5' TERM; echo ready; sleep 1000 & wait";
    const brief = await cri.run(pod, "brief", ["sh", "-c", script]);
    for (const [name, lines] of [["server", 2], ["brief", 1]] as const) {
      await until("its log", () => cri.log(name).length === lines);
    }
    await cri.crash();
    await cri.restart();
    assert.equal((await cri.status(server)).state, CRI_STATE.running);
    assert.equal((await cri.exec(server, ["echo", "there"])).stdout, "there\n");
    await cri.call("StopContainer", { container_id: brief, timeout: 20 });
    assert.equal((await cri.status(brief)).exitCode, 5);

    const [shim = 0] = cri.shimPids();
    Deno.kill(shim, "SIGKILL");
    await cri.exited(server);
    await cri.call("StopPodSandbox", { pod_sandbox_id: pod });
    await cri.call("RemovePodSandbox", { pod_sandbox_id: pod });
    assert.deepEqual(cri.shimPids(), []);
    // containerd calls `delete` of a shim that is dead beside all this.
    await until("no mounts", () => mountsOf(baseName(cri.dir)).length === 0);
  },
);
