// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { RootfsMount } from "../../src/rpc/contract/schemas.ts";
import { ok, rootfsArgs } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { run } from "../harness/command.ts";
import { until } from "../harness/poll.ts";
import { signalChild } from "../harness/processes.ts";
import { rootfsDir } from "../harness/rootfs.ts";
import { baseName, program } from "../harness/run.ts";
import { crun } from "../harness/runtime/crun.ts";
import { findCommand } from "../../scripts/system_packages.ts";

// systemd makes `/` a shared mount; a container runtime's own machine may have it private. So these
// daemons live in a mount namespace of their own, whose `/` is shared.

const BASE: RootfsMount = { type: "bind", source: rootfsDir(), options: ["rbind"] };

function sharedDaemon(): Promise<TestDaemon> {
  const shared = ["unshare", "--mount", "--propagation", "shared", "--"];
  return TestDaemon.start({ program: [...shared, ...program()] });
}

/** The mount points that the daemon sees below its own directory and the test's rootfs. */
function hostMounts(daemon: TestDaemon): string[] {
  return mountPoints(daemon.pid).filter((path) =>
    path.includes(baseName(daemon.dir)) || path.startsWith(rootfsDir())
  ).sort();
}

/** The mount points that a process sees. */
function mountPoints(pid: number): string[] {
  return mountLines(pid).map((line) => line.split(" ")[4] ?? "");
}

/** Has a namespace of its own that gets what is mounted on the host, as a container with rslave. */
async function inSlave(daemon: TestDaemon): Promise<AsyncDisposable & { readonly pid: number }> {
  const child = new Deno.Command("nsenter", {
    args: [
      ...["--mount", "--target", String(daemon.pid), "unshare", "--mount"],
      ...["--propagation", "slave", "sh", "-c", "echo up; exec sleep 1000"],
    ],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  return {
    pid: child.pid,
    async [Symbol.asyncDispose]() {
      signalChild(child, "SIGKILL");
      await reader.cancel();
      await child.status;
    },
  };
}

async function create(
  daemon: TestDaemon,
  id: string,
  rootfs: readonly RootfsMount[],
): Promise<number> {
  await daemon.client.call("container.create", {
    id,
    spec: daemon.spec(["sleep", "1000"], { root: undefined }),
    rootfs: [...rootfs],
  });
  return (await daemon.client.call("container.start", { id })).pid;
}

function volume(daemon: TestDaemon, name: string, target = "/data"): RootfsMount {
  const source = `${daemon.dir}/${name}`;
  Deno.mkdirSync(source, { recursive: true });
  Deno.writeTextFileSync(`${source}/name`, name);
  return { type: "bind", source, target, options: ["rbind"] };
}

function nameIn(pid: number): string | undefined {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/root/data/name`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

Deno.test("shared root: rootfs mounts on a shared / show up neither on the host nor in another container", async () => {
  await using daemon = await sharedDaemon();
  await using slave = await inSlave(daemon);
  const before = hostMounts(daemon);
  // Others mount and unmount on this machine, too.
  const inSlaveNow = () =>
    mountPoints(slave.pid).filter((path) =>
      path.includes(baseName(daemon.dir)) || path.startsWith(rootfsDir())
    );
  const seen = inSlaveNow();

  const a = await create(daemon, "a", [BASE, volume(daemon, "a-volume")]);
  const bundle = (id: string) => `${daemon.state}/linux/${id}/rootfs`;
  assert.deepEqual(hostMounts(daemon), [...before, bundle("a"), `${bundle("a")}/data`].sort());
  const inA = mountPoints(a);

  const b = await create(daemon, "b", [BASE, volume(daemon, "b-volume")]);
  const c = await create(daemon, "c", [BASE]);
  assert.deepEqual([a, b, c].map(nameIn), ["a-volume", "b-volume", undefined]);
  assert.deepEqual(mountPoints(a), inA, "the first is as it was");
  assert.deepEqual([...Deno.readDirSync(`${rootfsDir()}/data`)], [], "and so is the host");
  assert.ok(!mountPoints(slave.pid).some((path) => path.endsWith("/rootfs/data")));

  await daemon.remove("b");
  assert.deepEqual([a, c].map(nameIn), ["a-volume", undefined], "deleting one spares the others");
  await daemon.remove("a");
  await daemon.remove("c");
  assert.deepEqual(hostMounts(daemon), before);
  assert.deepEqual(inSlaveNow(), seen);
});

Deno.test("shared root: mounts below a volume stay out of the volume's source on a shared /", async () => {
  await using daemon = await sharedDaemon();
  const before = hostMounts(daemon);
  const outer = volume(daemon, "outer");
  Deno.mkdirSync(`${outer.source}/inner`);
  await create(daemon, "a", [
    // No mount is the rootfs itself: the bundle's own directory is.
    { ...BASE, source: `${rootfsDir()}/bin`, target: "/bin" },
    { type: "tmpfs", source: "tmpfs", target: "/tmp" },
    outer,
    volume(daemon, "below", "/data/inner"),
  ]);
  assert.deepEqual([...Deno.readDirSync(`${outer.source}/inner`)], []);
  assert.ok(
    hostMounts(daemon).every((path) =>
      before.includes(path) || path.startsWith(`${daemon.state}/linux/a/rootfs`)
    ),
  );
  await daemon.remove("a");
  assert.deepEqual(hostMounts(daemon), before);
});

Deno.test("shared root: the host keeps what it has mounted below a source that stays shared with it", async () => {
  await using daemon = await sharedDaemon();
  const base = `${daemon.dir}/base`, source = `${daemon.dir}/volume`;
  await run(["cp", "-a", rootfsDir(), base]);
  const kept = [`${base}/mnt/kept`, `${source}/kept`];
  await using _mounts = new AsyncDisposableStack();
  for (const dir of [...kept, `${base}/data`, `${source}/inner`]) {
    Deno.mkdirSync(dir, { recursive: true });
  }
  for (const dir of [base, source, ...kept]) _mounts.use(await ownMount(daemon, dir));
  const before = hostMounts(daemon);
  assert.ok(kept.every((path) => before.includes(path)));
  const propagations = [["rshared"], ["shared"], ["", "rshared"], ["", "shared"], ["rslave"]];
  for (const [ofBase = "", ofVolume = ""] of propagations) {
    const options = (propagation: string) => ["rbind", propagation].filter(Boolean);
    const mounts: RootfsMount[] = [
      { type: "bind", source: base, options: options(ofBase) },
      { type: "bind", source, target: "/data", options: options(ofVolume) },
      { type: "tmpfs", source: "tmpfs", target: "/data/inner" },
    ];
    const what = `${ofBase} ${ofVolume}`;
    await create(daemon, "alone", mounts.slice(0, 1));
    await daemon.remove("alone");
    assert.deepEqual(hostMounts(daemon), before, what);

    await create(daemon, "deleted", mounts);
    assert.ok(kept.every((path) => hostMounts(daemon).includes(path)), what);
    await daemon.remove("deleted");
    assert.deepEqual(hostMounts(daemon), before, what);

    const bad = { type: "no-such-fs", source: "none", target: "/mnt" };
    await assert.rejects(create(daemon, "failed", [...mounts, bad]), /ENODEV/);
    assert.deepEqual(hostMounts(daemon), before, what);

    await create(daemon, "killed", mounts);
    Deno.kill((await daemon.stateOf("killed")).shimPid, "SIGKILL");
    await until(
      "the end of the mounts",
      () => hostMounts(daemon).join() === before.join(),
    );
    assert.deepEqual(hostMounts(daemon), before, what);
  }
});

Deno.test("shared root: a create that fails on a shared / leaves no mount", async () => {
  await using daemon = await sharedDaemon();
  const before = hostMounts(daemon);
  const bad = { type: "no-such-fs", source: "none", target: "/mnt" };
  await assert.rejects(create(daemon, "a", [BASE, volume(daemon, "volume"), bad]), /ENODEV/);
  assert.deepEqual(hostMounts(daemon), before);
});

Deno.test("shared root: what a killed shim had mounted on a shared / goes with its container", async () => {
  await using daemon = await sharedDaemon();
  const before = hostMounts(daemon);
  await create(daemon, "a", [BASE, volume(daemon, "volume")]);
  const { shimPid } = await daemon.stateOf("a");
  Deno.kill(shimPid, "SIGKILL");
  await until("the end of the bundle's mounts", () => hostMounts(daemon).length === before.length);
  assert.deepEqual(hostMounts(daemon), before);
});

Deno.test("berth run: what is mounted later stays on its side of a bind mount but where it is asked for", async () => {
  await using daemon = await sharedDaemon();
  const { source } = volume(daemon, "source");
  Deno.mkdirSync(`${source}/in`);
  await using _mount = await ownMount(daemon, source);
  const mounts = [
    ...["-v", `${source}:/v`, "-v", `${source}:/ro:ro`, "-v", `${source}:/slave:rslave`],
    ...["--mount", `type=bind,src=${source},dst=/m`, "-v", "/anonymous", "--tmpfs", "/tmp"],
  ];
  const shared = ["--mount", `type=bind,src=${source},dst=/shared,bind-propagation=rshared`];
  const isOnHost = () => hostMounts(daemon).includes(`${source}/in`);
  const runtimes = findCommand("crun") === undefined ? ["runc"] : ["runc", crun(daemon)];
  const peers = mountLines(daemon.pid).flatMap((line) => groupsOf(line));
  const run = async (id: string, runtime: string, ...more: string[]) => {
    const options = ["-d", "--name", id, "--runtime", runtime, "--privileged", ...mounts, ...more];
    await ok(daemon, "run", ...options, ...rootfsArgs(daemon), "--", "sleep", "1000");
    return mountLines((await daemon.stateOf(id)).pid)
      .filter((line) => groupsOf(line).some((group) => peers.includes(group)))
      .map((line) => line.split(" ")[4]).filter((path) => path !== "/").sort();
  };
  const inContainer = (id: string, script: string) => ok(daemon, "exec", id, "sh", "-c", script);
  for (const runtime of runtimes) {
    const alone = await run("a", runtime, "--init", "--ipc=host", "--overlay");
    assert.deepEqual(alone, ["/slave"], runtime);
    await inContainer("a", "for dir in v slave; do mount -t tmpfs tmpfs /$dir/in || exit; done");
    assert.equal(isOnHost(), false, runtime);
    await ok(daemon, "rm", "--force", "a");

    const both = await run("b", runtime, "--overlay", ...shared);
    assert.deepEqual(both, ["/shared", "/slave"], runtime);
    assert.ok(hostMounts(daemon).every((path) => !path.includes("/rootfs/")), runtime);
    await inContainer("b", "mount -t tmpfs tmpfs /shared/in");
    assert.equal(isOnHost(), true, runtime);
    await inContainer("b", "umount /shared/in");
    assert.equal(isOnHost(), false, runtime);
    await ok(daemon, "rm", "--force", "b");
  }
  // What is mounted below one stays in the container.
  for (const runtime of runtimes) {
    const before = hostMounts(daemon);
    await ok(
      daemon,
      "run",
      "--rm",
      "--overlay",
      "--runtime",
      runtime,
      ...shared,
      "--tmpfs",
      "/shared/in",
      ...rootfsArgs(daemon),
      "--",
      "true",
    );
    assert.deepEqual(hostMounts(daemon), before, runtime);
  }
  // Where the root is no mount of its own, the container still gets what the host mounts, but on the
  // mount that the root is on: runc 1.1.15 makes that private, runc 1.1.5 does not.
  assert.deepEqual(await run("c", "runc", ...shared), ["/shared", "/slave"]);
});

/** Makes a directory a mount of its own where the daemon lives. */
async function ownMount(daemon: TestDaemon, path: string): Promise<AsyncDisposable> {
  const enter = ["nsenter", "--mount", "--target", String(daemon.pid)];
  await run([...enter, "mount", "--bind", path, path]);
  return {
    [Symbol.asyncDispose]: async () => void await run([...enter, "umount", "--lazy", path]),
  };
}

function mountLines(pid: number): string[] {
  return Deno.readTextFileSync(`/proc/${pid}/mountinfo`).split("\n").filter(Boolean);
}

/** The peer groups that a mount is in, or gets mounts of (proc_pid_mountinfo(5)). */
function groupsOf(line: string): string[] {
  const [fields = ""] = line.split(" - ");
  return [...fields.matchAll(/ (?:shared|master):(\d+)/g)].map(([, group = ""]) => group);
}
