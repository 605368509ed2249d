// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import * as task from "../../src/containerd/messages/task.ts";
import { output } from "../harness/command.ts";
import { StubContainerd } from "../harness/containerd/stub_containerd.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { processName } from "../harness/processes.ts";
import { program } from "../harness/run.ts";

/**
 * Runs a command with all that root may, but CAP_SYS_PTRACE: with that one a process looks at any other.
 * Without it only at those that have no more, and can be dumped (ptrace(2), "access mode checking").
 */
const WITHOUT_PTRACE = ["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace", "--"];

/** Returns whether another process of its user can look at a process. */
async function isOpen(pid: number): Promise<boolean> {
  // Not at its environment: to newer kernels CAP_PERFMON is enough for that.
  const { code } = await output([...WITHOUT_PTRACE, "readlink", `/proc/${pid}/exe`]);
  return code === 0;
}

Deno.test("dumpable: no other process of its user can look at a shim", async () => {
  await using daemon = await TestDaemon.start({ program: [...WITHOUT_PTRACE, ...program()] });
  await daemon.run("a", ["sleep", "1000"]);
  const { shimPid } = await daemon.stateOf("a");
  assert.equal(await isOpen(shimPid), false);
  assert.equal(await isOpen(daemon.pid), true, "it can look at the daemon");
});

Deno.test("dumpable: no other process of its user can look at a shim of containerd", async () => {
  const shell = `#!/usr/bin/env -S ${WITHOUT_PTRACE.join(" ")} /bin/sh`;
  for (const waiting of [false, true]) {
    await using containerd = new StubContainerd({ shell, waiting });
    using client = await containerd.create("c", ["sleep", "1000"]);
    const connected = await client.call("Connect", task.ContainerRequest, task.ConnectResponse, {});
    const pid = connected.shim_pid;
    assert.equal(processName(pid), "berth-shim");
    assert.equal(await isOpen(pid), false);
  }
});
