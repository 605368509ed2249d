// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { cli, ok, rootfsArgs, runDetached } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { FifoReader, makeFifo } from "../harness/io/fifo.ts";
import { until, within } from "../harness/poll.ts";
import {
  assertNetworkIsRestored,
  RESTORED_NETWORK_CONFIG,
} from "../harness/network/restored_network.ts";
import { MISSING_FOR_NETWORKS, TestNetwork } from "../harness/network/test_network.ts";
import { readMountInfo } from "../../src/linux/mount/mountinfo.ts";
import { findCommand } from "../../scripts/system_packages.ts";

// What only the real CRIU can show. Debian's of today works on kernels of its time; `criu check` says so.

/** Why CRIU cannot be used here; undefined where it can. */
function whyNot(): string | undefined {
  const criu = findCommand("criu");
  if (criu === undefined) return "not found here: criu";
  const { success } = new Deno.Command(criu, { args: ["check"], stderr: "null" }).outputSync();
  return success ? undefined : "criu check fails here";
}

const reason = whyNot();

function testWithCriu(
  name: string,
  body: () => Promise<void>,
  missing: readonly string[] = [],
): void {
  const why = reason ?? (missing.length > 0 ? `not found here: ${missing.join(", ")}` : undefined);
  const ignore = why !== undefined;
  Deno.test({ name: ignore ? `${name} (${why})` : name, ignore, fn: body });
}

const COUNT = "i=0; while true; do i=$((i+1)); echo $i; sleep 0.1; done";

/** The options of the host's cgroup v2, which are the same in each of its mounts. */
function cgroupOptions(): string[] {
  return readMountInfo().filter(({ fsType }) => fsType === "cgroup2")
    .map(({ superOptions }) => superOptions);
}

async function numbers(daemon: TestDaemon, id: string): Promise<number[]> {
  const { stdout } = await cli(daemon, ["logs", id]);
  return stdout.split("\n").filter((line) => line !== "").map(Number);
}

function isConsecutive(list: readonly number[]): boolean {
  return list.every((value, index) => index === 0 || value === (list[index - 1] ?? 0) + 1);
}

testWithCriu(
  "criu: a logged container is restored beside the first, and both go on",
  async () => {
    await using daemon = await TestDaemon.start();
    const run = ["run", "-d", "--name", "web", ...rootfsArgs(daemon), "--", "sh", "-c", COUNT];
    assert.equal((await cli(daemon, run)).stderr, "");
    await until("output", async () => (await numbers(daemon, "web")).length > 3);
    const options = cgroupOptions();
    assert.equal((await cli(daemon, ["checkpoint", "web"])).stderr, "");
    assert.deepEqual(cgroupOptions(), options);
    const path = `${daemon.root}/checkpoints/web`;
    assert.equal((await cli(daemon, ["restore", "--path", path, "web2"])).stderr, "");
    assert.deepEqual(cgroupOptions(), options);
    await until("output of both", async () => {
      const [web = [], web2 = []] = await Promise.all(
        ["web", "web2"].map((id) => numbers(daemon, id)),
      );
      assert.ok(isConsecutive(web) && isConsecutive(web2), `${web} / ${web2}`);
      return web2.length > 5 && (web2[0] ?? 0) > 1 && (web.at(-1) ?? 0) > (web2[0] ?? 0) + 5;
    });
    const cgroups = await Promise.all(["web", "web2"].map(async (id) => {
      const { pid } = await daemon.stateOf(id);
      return Deno.readTextFileSync(`/proc/${pid}/cgroup`);
    }));
    assert.equal(cgroups[1], cgroups[0]?.replaceAll(/\/web$/gm, "/web2"));
    await cli(daemon, ["pause", "web2"]);
    assert.equal((await daemon.stateOf("web")).status, "running");
    assert.equal((await cli(daemon, ["rm", "--force", "web2"])).stderr, "");
    assert.equal((await daemon.stateOf("web")).status, "running");
  },
);

testWithCriu(
  "criu: checkpoint --exit, rm and restore of one id; the count goes on",
  async () => {
    await using daemon = await TestDaemon.start();
    const run = ["run", "-d", "--name", "web", ...rootfsArgs(daemon), "--", "sh", "-c", COUNT];
    assert.equal((await cli(daemon, run)).stderr, "");
    await until("output", async () => (await numbers(daemon, "web")).length > 3);
    assert.equal((await cli(daemon, ["checkpoint", "--exit", "web"])).stderr, "");
    await daemon.exitOf("web");
    const last = (await numbers(daemon, "web")).at(-1) ?? 0;
    assert.equal((await cli(daemon, ["rm", "web"])).stderr, "");
    assert.equal((await cli(daemon, ["restore", "web"])).stderr, "");
    await until("output", async () => (await numbers(daemon, "web")).length > 3);
    const [first = 0] = await numbers(daemon, "web");
    assert.ok(first === last || first === last + 1, `${first} follows ${last}`);
    const exec = await cli(daemon, ["exec", "web", "sh", "-c", "exit 5"]);
    assert.equal(exec.code, 5);
    assert.equal((await cli(daemon, ["rm", "--force", "web"])).stderr, "");
  },
);

testWithCriu(
  "criu: a checkpoint leaves out what execs run; a process that one has left there refuses it",
  async () => {
    await using daemon = await TestDaemon.start();
    // CRIU lets the system call that a process waits in end with EINTR: BusyBox 1.37's sleep ends then.
    await runDetached(daemon, "web", "sh", "-c", "while :; do sleep 1000; done");
    const exec = cli(daemon, ["exec", "web", "sleep", "2000"]);
    await until("the exec", async () => {
      const { processes } = await daemon.client.call("container.pids", { id: "web" });
      return processes.some(({ pid }) =>
        Deno.readTextFileSync(`/proc/${pid}/cmdline`) === ["sleep", "2000", ""].join("\0")
      );
    });
    assert.equal((await cli(daemon, ["checkpoint", "--exit", "web"])).stderr, "");
    await daemon.exitOf("web");
    assert.equal((await exec).code, 137);
    assert.equal((await cli(daemon, ["rm", "web"])).stderr, "");
    assert.equal((await cli(daemon, ["restore", "web"])).stderr, "");

    const left = ["exec", "web", "sh", "-c", "sleep 1000 & echo $!"];
    const pid = (await cli(daemon, left)).stdout.trim();
    const path = `${daemon.root}/two`;
    const refused = await cli(daemon, ["checkpoint", "--exit", "--path", path, "web"]);
    assert.match(refused.stderr, /^berth: container web: a process that a "berth exec" has left/);
    assert.equal((await daemon.stateOf("web")).status, "running");
    await ok(daemon, "exec", "web", "kill", pid);
    assert.equal((await cli(daemon, ["checkpoint", "--exit", "--path", path, "web"])).stderr, "");
  },
);

/** Reads to the end. */
async function untilDone(reader: ReadableStreamDefaultReader<string>): Promise<void> {
  while (!(await reader.read()).done);
}

testWithCriu(
  "container.checkpoint: output goes on to a client's FIFO that is another",
  async () => {
    await using daemon = await TestDaemon.start();
    const stdout = makeFifo(daemon.dir);
    const spec = daemon.spec(["sh", "-c", `trap 'echo bye; exit 3' TERM; ${COUNT}`]);
    await daemon.client.call("container.create", { id: "one", spec, stdout });
    await daemon.client.call("container.start", { id: "one" });
    await using reader = new FifoReader(stdout);
    const shown = reader.stream.pipeThrough(new TextDecoderStream()).getReader();
    // It has set its trap before that.
    const first = await within("its first output", shown.read());
    assert.match(first.value ?? "", /^1\n/);
    const checkpoint = `${daemon.root}/image`;
    await daemon.client.call("container.checkpoint", { id: "one", path: checkpoint, exit: true });
    await daemon.exitOf("one");
    await daemon.client.call("container.delete", { id: "one" });
    await within("the end of its output", untilDone(shown));
    const other = makeFifo(daemon.dir);
    await using later = new FifoReader(other);
    const create = { id: "two", spec, stdout: other, checkpoint };
    await daemon.client.call("container.create", create);
    await daemon.client.call("container.start", { id: "two" });
    await daemon.client.call("container.kill", { id: "two", signal: "TERM" });
    assert.equal((await daemon.exitOf("two")).exitStatus, 3);
    await daemon.client.call("container.delete", { id: "two" });
    assert.match(await within("the end of its output", later.text()), /bye\n$/);
  },
);

testWithCriu(
  "criu: a restored container has its network, ports and address again",
  async () => {
    await using network = await TestNetwork.make();
    await using daemon = await TestDaemon.start({
      program: network.program,
      config: RESTORED_NETWORK_CONFIG,
    });
    await assertNetworkIsRestored(network, daemon);
  },
  MISSING_FOR_NETWORKS,
);
