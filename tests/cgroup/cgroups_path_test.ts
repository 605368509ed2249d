// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { run } from "../harness/command.ts";
import { RuntimeError } from "../../src/rpc/errors.ts";
import { cli } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { until } from "../harness/poll.ts";
import { rootfsDir } from "../harness/rootfs.ts";
import { sweep } from "../harness/leaks/sweep.ts";
import { cgroupsOf } from "../harness/leaks/traces.ts";

const FOREVER = ["sleep", "1000"];

/** A daemon of which what it leaves below its own default cgroup is removed too. */
async function withDaemon(body: (daemon: TestDaemon) => Promise<void>): Promise<void> {
  await using daemon = await TestDaemon.start({ config: 'runtime.cgroup_driver = "cgroupfs"' });
  const before = ownCgroups();
  try {
    await body(daemon);
  } finally {
    await daemon[Symbol.asyncDispose]();
    for (const cgroup of ownCgroups()) {
      if (!before.includes(cgroup)) await sweep({ dir: daemon.dir, cgroup });
    }
  }
}

/** The cgroups at the root that daemons have made for containers whose spec names none. */
function ownCgroups(): string[] {
  const names = cgroupsOf("").map((dir) => /\/(berth-[0-9a-f]{12})\//.exec(`${dir}/`)?.[1]);
  return [...new Set(names.filter((name) => name !== undefined))];
}

/** Runs a container whose spec names no cgroup; returns the cgroup of its init in each hierarchy. */
async function runWithout(daemon: TestDaemon, id: string): Promise<string[]> {
  const pid = await daemon.run(id, FOREVER, { linux: { cgroupsPath: undefined } });
  const lines = Deno.readTextFileSync(`/proc/${pid}/cgroup`).trim().split("\n");
  return [...new Set(lines.map((line) => line.split(":").slice(2).join(":")))];
}

Deno.test("cgroups path: a container whose spec names none is below the daemon's, and no unit", async () => {
  await withDaemon(async (daemon) => {
    await withDaemon(async (other) => {
      for (const id of ["web", "dbus.service"]) {
        const [path, ...more] = await runWithout(daemon, id);
        assert.deepEqual(more, [], "the same in each hierarchy");
        assert.match(path ?? "", new RegExp(`^/berth-[0-9a-f]{12}/${id}$`));
        assert.notDeepEqual(await runWithout(other, id), [path]);
      }
      // Of two daemons on one machine each has its own.
      await daemon.remove("web");
      const { status } = await other.stateOf("web");
      assert.equal(status, "running");
    });
  });
});

const SYSTEMD = existsSync("/run/systemd/system");

Deno.test({
  name:
    "cgroups path: of a path in systemd's form the runtime is told, and what it says is passed on" +
    (SYSTEMD ? " (not where systemd runs)" : ""),
  ignore: SYSTEMD,
  fn: async () => {
    await using daemon = await TestDaemon.start();
    const linux = { cgroupsPath: "system.slice:berth:web" };
    await assert.rejects(daemon.run("web", FOREVER, { linux }), (error) => {
      assert.ok(error instanceof RuntimeError);
      assert.match(error.message, /systemd|sd-bus/);
      return true;
    });
  },
});

Deno.test({
  name: "cgroups path: with systemd a container is a scope, whose limits survive a daemon-reload" +
    (SYSTEMD ? "" : " (systemd does not run here)"),
  ignore: !SYSTEMD,
  fn: async () => {
    const units = () =>
      run(["systemctl", "list-units", "--all", "--plain", "--no-legend", "berth-*-web.scope"]);
    await using daemon = await TestDaemon.start({ config: 'runtime.cgroup_driver = "systemd"' });
    const [path = "", ...more] = await runWithout(daemon, "web");
    assert.deepEqual(more, []);
    const [, unit = ""] = /^\/system\.slice\/(berth-[0-9a-f]{12}-web\.scope)$/.exec(path) ?? [];
    assert.ok(unit, path);
    assert.match(await units(), new RegExp(`^${unit} `, "m"));
    const limit = 64 * 1024 * 1024;
    const resources = { memory: { limit }, pids: { limit: 9 } };
    await daemon.client.call("container.update", { id: "web", resources });
    await run(["systemctl", "daemon-reload"]);
    const { memory, pids } = await daemon.client.call("container.stats", { id: "web" });
    assert.deepEqual([memory?.limitBytes, pids?.limit], [limit, 9]);
    await daemon.remove("web");
    assert.deepEqual(cgroupsOf(path.slice(1)), []);
    await until("the end of the unit", async () => !(await units()).includes(unit));
  },
});

/** Runs a program and returns what it printed. */
Deno.test("cgroups path: a container of run sees its own cgroup as the root, read-only, and no other", async () => {
  await using daemon = await TestDaemon.start();
  const options = () =>
    Deno.readTextFileSync("/proc/self/mountinfo").split("\n").filter((line) =>
      line.includes(" - cgroup")
    );
  const before = options();
  // Under v1 the directory of the hierarchies is a tmpfs of the runtime's, which may be writable.
  const script = "cut -d: -f3- /proc/self/cgroup | sort -u; " +
    "find /sys/fs/cgroup -type d -name 'berth*'; " +
    "for d in $(grep ' - cgroup' /proc/self/mountinfo | cut -d' ' -f5); do " +
    "mkdir $d/new 2>/dev/null && echo $d is writable; done; true";
  const { stdout, stderr } = await cli(daemon, [
    ...["run", "--rm", "--rootfs", rootfsDir(), "--read-only", "--cgroup-parent", daemon.cgroup],
    ...["sh", "-c", script],
  ]);
  assert.equal(stdout, "/\n", stderr);
  assert.deepEqual(options(), before, "the host's mounts are as they were");
});
