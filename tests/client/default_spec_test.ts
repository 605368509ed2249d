// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { InvalidParamsError } from "../../src/rpc/errors.ts";
import { isRecord } from "../../src/rpc/is_record.ts";
import { cli, rootfsArgs } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { makeFifo } from "../harness/io/fifo.ts";
import { rootfsDir } from "../harness/rootfs.ts";
import { CALL_TIMEOUT_MS } from "../harness/poll.ts";

/** The files that `berth run` mounts of its own. */
const ETC_FILES = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"];

/** Returns the spec in a container's bundle, without the mounts that only `berth run` makes. */
function specIn(daemon: TestDaemon, id: string) {
  const spec = JSON.parse(Deno.readTextFileSync(`${daemon.state}/linux/${id}/config.json`));
  assert(isRecord(spec) && isRecord(spec.linux) && Array.isArray(spec.mounts));
  const mounts = spec.mounts.filter(({ destination }) => !ETC_FILES.includes(destination));
  return { ...spec, mounts, linux: spec.linux };
}

Deno.test("spec.default returns the spec that berth run makes", async () => {
  await using daemon = await TestDaemon.start();
  const { code, stderr } = await cli(daemon, [
    ...["create", "--name", "web", ...rootfsArgs(daemon), "-t", "--read-only", "-e", "A=1"],
    ...["-w", "/tmp", "-u", "1:2", "--group-add", "7", "--memory", "64m", "--pids-limit", "20"],
    ...["--cap-add", "NET_ADMIN", "--cap-drop", "MKNOD", "--stop-signal", "QUIT", "--pid", "host"],
    ...["--ulimit", "nofile=64:128", "--security-opt", "no-new-privileges=false"],
    ...["--mount", "type=tmpfs,dst=/data", "--annotation", "a.b=c", "--", "sleep", "100"],
  ]);
  assert.equal(code, 0, stderr);
  const made = specIn(daemon, "web");
  await daemon.client.call("container.delete", { id: "web" });
  const { spec } = await daemon.client.call("spec.default", {
    id: "web",
    rootfs: rootfsDir(),
    args: ["sleep", "100"],
    env: ["A=1"],
    cwd: "/tmp",
    user: "1:2",
    groupAdd: ["7"],
    terminal: true,
    readOnly: true,
    namespaces: { pid: "host" },
    resources: { memory: { limit: 64 << 20 }, pids: { limit: 20 } },
    capAdd: ["NET_ADMIN"],
    capDrop: ["MKNOD"],
    stopSignal: "QUIT",
    rlimits: [{ type: "RLIMIT_NOFILE", soft: 64, hard: 128 }],
    securityOpt: ["no-new-privileges=false"],
    annotations: { "a.b": "c" },
    mounts: [{
      destination: "/data",
      type: "tmpfs",
      source: "tmpfs",
      options: ["nosuid", "nodev", "noexec"],
    }],
  });
  // The daemon adds to both what it adds to any.
  const { cgroupsPath } = made.linux;
  const linux = { ...isRecord(spec.linux) ? spec.linux : {}, cgroupsPath };
  await daemon.client.call("container.create", {
    id: "web",
    spec: { ...spec, linux },
    terminal: true,
    log: {},
  });
  assert.deepEqual(specIn(daemon, "web"), made);
});

Deno.test("spec.default makes what runs, named as it says", async () => {
  await using daemon = await TestDaemon.start();
  const { client } = daemon;
  const output = `${daemon.dir}/output`;
  const { spec } = await client.call("spec.default", {
    rootfs: rootfsDir(),
    args: ["sh", "-c", "echo $(hostname) $(pwd) $A $(id -u)"],
    hostname: "shop",
    cwd: "/tmp",
    env: ["A=b"],
    user: "33",
  });
  await client.call("container.create", { id: "one", spec, stdout: `file://${output}` });
  await client.call("container.start", { id: "one" });
  assert.equal((await client.call("container.wait", { id: "one" })).exitStatus, 0);
  await client.call("container.delete", { id: "one" });
  assert.equal(Deno.readTextFileSync(output), "shop /tmp b 33\n");
});

Deno.test("spec.default names what does not fit, and never waits for a file", async () => {
  await using daemon = await TestDaemon.start();
  const fifo = makeFifo(daemon.dir);
  const good = { rootfs: rootfsDir(), args: ["true"] };
  const bad: [path: string, params: Parameters<typeof call>[0]][] = [
    ["args", { ...good, args: [] }],
    ["rootfs", { ...good, rootfs: `${daemon.dir}/none` }],
    ["rootfs", { ...good, rootfs: fifo }],
    ["user", { ...good, user: "nobody-of-this-name" }],
    ["groupAdd", { ...good, groupAdd: ["no-such-group"] }],
    ["hostname", { ...good, hostname: "a b" }],
    ["signal", { ...good, stopSignal: "NONE" }],
    ["namespaces.network", { ...good, namespaces: { network: "none" } }],
    ["securityOpt", { ...good, securityOpt: ["none=of-these"] }],
    ["securityOpt", { ...good, securityOpt: [`seccomp=${fifo}`] }],
    ["securityOpt", { ...good, securityOpt: ["seccomp=profile.json"] }],
    ["mounts.0.destination", { ...good, mounts: [{ destination: "relative" }] }],
  ];
  function call(params: Parameters<typeof daemon.client.call<"spec.default">>[1]) {
    return daemon.client.call("spec.default", params, { timeoutMs: CALL_TIMEOUT_MS });
  }
  for (const [path, params] of bad) {
    await assert.rejects(call(params), (error) => {
      assert(error instanceof InvalidParamsError, `${path}: ${error}`);
      assert.deepEqual(error.issues.map((issue) => issue.path), [path]);
      return true;
    });
  }
  await assert.rejects(call({ ...good, capAdd: ["NO_SUCH"] }), InvalidParamsError);
  assert.equal((await call(good)).spec.hostname, "berth");
});

Deno.test("spec.default: userns_remap of the config is for containers that say nothing else", async () => {
  const user = "berth-no-such-user";
  await using daemon = await TestDaemon.start({ config: `[runtime]\nuserns_remap = "${user}"` });
  const ask = (params: { userns?: "host"; privileged?: true }) =>
    daemon.client.call("spec.default", { rootfs: rootfsDir(), args: ["true"], ...params });
  await assert.rejects(ask({}), /subuid gives the user berth-no-such-user no subordinate ids/);
  await assert.rejects(ask({ privileged: true }), /userns_remap.* privileged/);
  const { spec } = await ask({ userns: "host", privileged: true });
  assert(isRecord(spec.linux));
  assert.equal("uidMappings" in spec.linux, false);
});
