// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { FailedPreconditionError, RuntimeError } from "../../src/rpc/errors.ts";
import type { RootfsMount } from "../../src/rpc/contract/schemas.ts";
import { testNeeding } from "../../scripts/test_needing.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { EventCollector } from "../harness/events.ts";
import { LeakAudit } from "../harness/leaks/leak_audit.ts";
import { rootfsDir } from "../harness/rootfs.ts";
import type { JsonObject } from "../harness/rootfs.ts";
import { baseName } from "../harness/run.ts";
import { crun } from "../harness/runtime/crun.ts";
import { mountsOf } from "../harness/leaks/traces.ts";

const BASE: RootfsMount = { type: "bind", source: rootfsDir(), options: ["rbind", "ro"] };

/** A whole life on a rootfs of these mounts; returns what it has written and its exit status. */
async function life(
  daemon: TestDaemon,
  rootfs: readonly RootfsMount[],
  script: string,
  override: JsonObject = {},
  runtime = "runc",
): Promise<{ output: string; exitStatus: number }> {
  const { client } = daemon;
  const log = `${daemon.dir}/output`;
  const { bundle } = await client.call("container.create", {
    id: "c",
    runtime,
    spec: daemon.spec(["sh", "-c", script], {
      root: { path: undefined, readonly: false },
      ...override,
    }),
    rootfs: [...rootfs],
    stdout: `file://${log}`,
    stderr: `file://${log}`,
  });
  assert.equal(
    mountsOf(`${baseName(daemon.dir)}/state/linux/c/rootfs`).length,
    rootfs.length,
    "each is mounted below the bundle",
  );
  await client.call("container.start", { id: "c" });
  const { exitStatus } = await daemon.exitOf("c");
  await client.call("container.delete", { id: "c" });
  await assert.rejects(Deno.stat(bundle), Deno.errors.NotFound);
  const output = await Deno.readTextFile(log);
  await Deno.remove(log);
  return { output, exitStatus };
}

/** Runs `work` with a daemon and checks that no mount, nor anything else, is left by it. */
async function audited(work: (daemon: TestDaemon) => Promise<void>): Promise<void> {
  await using daemon = await TestDaemon.start();
  const audit = await LeakAudit.warm(daemon);
  await work(daemon);
  assert.deepEqual(mountsOf(baseName(daemon.dir)), []);
  await audit.assertClean();
}

Deno.test("rootfs: a bind mount is the rootfs; with ro it cannot be written", async () => {
  await audited(async (daemon) => {
    const { output, exitStatus } = await life(daemon, [BASE], "echo here; touch /data/x");
    assert.match(output, /^here\ntouch: \/data\/x: Read-only file system\n$/);
    assert.equal(exitStatus, 1);
  });
});

testNeeding(
  ["crun"],
  "rootfs: with crun, too, one whose mount is ro cannot be written",
  async () => {
    await audited(async (daemon) => {
      const { output } = await life(daemon, [BASE], "touch /data/x", {}, crun(daemon));
      assert.match(output, /^touch: \/data\/x: Read-only file system\n$/);
      const above = { type: "tmpfs", source: "tmpfs", target: "/tmp", options: ["ro"] };
      const upper = `${daemon.dir}/upper`, work = `${daemon.dir}/work`;
      for (const dir of [upper, work]) Deno.mkdirSync(dir);
      const options = [`lowerdir=${rootfsDir()}`, `upperdir=${upper}`, `workdir=${work}`];
      const overlay = { type: "overlay", source: "overlay", options };
      const written = await life(daemon, [overlay, above], "touch /data/x", {}, crun(daemon));
      assert.deepEqual(written, { output: "", exitStatus: 0 });
      for (const dir of [upper, work]) Deno.removeSync(dir, { recursive: true });
    });
  },
);

Deno.test("rootfs: an overlay takes the writes, the directory below it stays as it was", async () => {
  await audited(async (daemon) => {
    const upper = `${daemon.dir}/upper`;
    const work = `${daemon.dir}/work`;
    await Deno.mkdir(upper);
    await Deno.mkdir(work);
    const overlay = {
      type: "overlay",
      source: "overlay",
      options: [`lowerdir=${rootfsDir()}`, `upperdir=${upper}`, `workdir=${work}`],
    };
    const script = "echo new >/data/file; rm /bin/true; cat /data/file";
    assert.equal((await life(daemon, [overlay], script)).output, "new\n");
    assert.equal(await Deno.readTextFile(`${upper}/data/file`), "new\n");
    await assert.rejects(Deno.stat(`${rootfsDir()}/data/file`), Deno.errors.NotFound);
    await Deno.stat(`${rootfsDir()}/bin/true`);
    // What it has written is still there for the next.
    assert.equal((await life(daemon, [overlay], "cat /data/file")).output, "new\n");
    await Deno.remove(upper, { recursive: true });
    await Deno.remove(work, { recursive: true });
  });
});

Deno.test("rootfs: several mounts are made in order, each at its place, with its options", async () => {
  await audited(async (daemon) => {
    const volume = `${daemon.dir}/volume`;
    await Deno.mkdir(`${volume}/inner`, { recursive: true });
    await Deno.writeTextFile(`${volume}/hello`, "from the host\n");
    const hosts = `${daemon.dir}/hosts`;
    await Deno.writeTextFile(hosts, "127.0.0.1 me\n");
    const tmpfs = (target: string, ...options: string[]) => ({
      type: "tmpfs",
      source: "tmpfs",
      target,
      options,
    });
    const { output, exitStatus } = await life(
      daemon,
      [
        BASE,
        tmpfs("/mnt", "size=1m", "mode=750", "noexec", "nosuid"),
        { type: "bind", source: volume, target: "/mnt/volume", options: ["bind"] },
        tmpfs("/mnt/volume/inner"),
        { type: "bind", source: volume, target: "/data", options: ["bind", "ro"] },
        { type: "bind", source: hosts, target: "/etc/passwd", options: ["bind", "ro"] },
        { type: "bind", source: hosts, target: "/mnt/not/there/hosts", options: ["bind", "ro"] },
      ],
      [
        "cat /mnt/volume/hello /etc/passwd /mnt/not/there/hosts",
        "stat -c %a /mnt",
        "echo written >/mnt/volume/back",
        "touch /mnt/volume/inner/in-memory",
        "touch /data/x && echo ro-failed",
        "cp /bin/busybox /mnt/run; head -c 4000000 /dev/zero >/mnt/full && echo size-failed",
        "printf '#!/bin/sh\\n' >/mnt/s; chmod +x /mnt/s; /mnt/s && echo noexec-failed",
        "exit 5",
      ].join("\n"),
    );
    assert.equal(exitStatus, 5);
    assert.ok(
      output.startsWith("from the host\n127.0.0.1 me\n127.0.0.1 me\n750\n"),
      output,
    );
    assert.doesNotMatch(output, /failed$/m);
    assert.match(output, /\/data\/x: Read-only file system/);
    assert.match(output, /No space left on device/);
    assert.match(output, /\/mnt\/s: Permission denied/);
    assert.equal(await Deno.readTextFile(`${volume}/back`), "written\n");
    assert.deepEqual([...Deno.readDirSync(`${volume}/inner`)], [], "that was a tmpfs");
    await Deno.remove(volume, { recursive: true });
    await Deno.remove(hosts);
  });
});

Deno.test("rootfs: one whose /dev is a link is refused, before the runtime follows it to the host", async () => {
  await audited(async (daemon) => {
    const dir = `${daemon.dir}/linked`;
    const outside = `${daemon.dir}/outside`;
    await Deno.mkdir(dir);
    await Deno.mkdir(outside);
    await Deno.writeTextFile(`${outside}/ptmx`, "kept");
    await Deno.symlink(outside, `${dir}/dev`);
    const bind = { type: "bind", source: dir, options: ["rbind"] };
    const create = (path: string | undefined, rootfs: RootfsMount[]) => {
      const spec = daemon.spec(["true"], { root: { path } });
      return daemon.client.call("container.create", { id: "c", spec, rootfs });
    };
    const refused = { message: /\/dev .*is a symbolic link/ };
    await assert.rejects(create(undefined, [bind]), refused);
    await assert.rejects(create(dir, []), refused);
    // As the runtime takes it: relative to the bundle, `<dir>/state/linux/c`.
    await assert.rejects(create("../../../linked", []), refused);
    // The link may come later, too.
    const plain = `${daemon.dir}/plain`;
    await Deno.mkdir(`${plain}/bin`, { recursive: true });
    await Deno.copyFile(`${rootfsDir()}/bin/busybox`, `${plain}/bin/true`);
    await create(plain, []);
    await daemon.client.call("container.start", { id: "c" });
    await daemon.exitOf("c");
    await Deno.remove(`${plain}/dev`, { recursive: true });
    await Deno.symlink(outside, `${plain}/dev`);
    await assert.rejects(daemon.client.call("container.start", { id: "c" }), refused);
    await daemon.client.call("container.delete", { id: "c" });
    assert.deepEqual([...Deno.readDirSync(outside)].map(({ name }) => name), ["ptmx"]);
    assert.equal(await Deno.readTextFile(`${outside}/ptmx`), "kept");
    for (const path of [dir, outside, plain]) await Deno.remove(path, { recursive: true });
  });
});

Deno.test("rootfs: a target cannot lead out of the rootfs, neither by .. nor by a link", async () => {
  await audited(async (daemon) => {
    const root = `${daemon.dir}/image`;
    const outside = `${daemon.dir}/outside`;
    await Deno.mkdir(outside);
    await Deno.mkdir(root);
    await Deno.symlink(outside, `${root}/link`);
    const volume = `${daemon.dir}/volume`;
    await Deno.mkdir(volume);
    await Deno.writeTextFile(`${volume}/hello`, "hello\n");
    const bin = { type: "bind", source: `${rootfsDir()}/bin`, target: "/bin", options: ["bind"] };
    const at = (target: string): RootfsMount => ({
      type: "bind",
      source: volume,
      target,
      options: ["bind"],
    });
    const { output } = await life(
      daemon,
      [{ type: "bind", source: root, options: ["bind"] }, bin, at("/link/x"), at("../../up")],
      `cat ${outside}/x/hello /up/hello`,
      // A tmpfs on /tmp would hide where the link leads. Devices may not work where the root is.
      {
        mounts: [
          { destination: "/proc", type: "proc", source: "proc" },
          { destination: "/dev", type: "tmpfs", source: "tmpfs" },
        ],
      },
    );
    assert.equal(output, "hello\nhello\n");
    assert.deepEqual([...Deno.readDirSync(outside)], [], "nothing was made there");
    for (const dir of [root, outside, volume]) await Deno.remove(dir, { recursive: true });
  });
});

Deno.test("rootfs: a mount that fails undoes those before it, and says which it was and why", async () => {
  await audited(async (daemon) => {
    using events = await EventCollector.subscribe(daemon.socket);
    for (
      const [bad, reason] of [
        [
          // Two, because older kernels take no overlay of one directory, and do not look for it.
          {
            type: "overlay",
            source: "overlay",
            target: "/mnt",
            options: ["lowerdir=/no/such:/no/other"],
          },
          "ENOENT",
        ],
        [{ type: "no-such-fs", source: "none", target: "/mnt" }, "ENODEV"],
        [{ type: "tmpfs", source: "tmpfs", target: "/mnt", options: ["size=much"] }, "EINVAL"],
        [
          { type: "bind", source: rootfsDir(), target: "/etc/passwd", options: ["bind"] },
          "ENOTDIR",
        ],
      ] as const
    ) {
      const create = daemon.client.call("container.create", {
        id: "c",
        spec: daemon.spec(["true"], { root: undefined }),
        rootfs: [
          BASE,
          { type: "tmpfs", source: "tmpfs", target: "/data" },
          { ...bad, options: "options" in bad ? [...bad.options] : [] },
        ],
      });
      await assert.rejects(create, (error) => {
        assert.ok(error instanceof FailedPreconditionError, String(error));
        assert.match(error.message, new RegExp(`container c:.*${reason}`));
        assert.equal(error.data.id, "c");
        return true;
      });
      assert.deepEqual(mountsOf(baseName(daemon.dir)), [], "at once");
    }
    assert.equal((await life(daemon, [BASE], "exit 4")).exitStatus, 4, "the id is free");
    await events.wait({ type: "delete" });
    assert.equal(events.types(), "create start exit delete");
  });
});

Deno.test("rootfs: a runtime that fails after the mounts were made undoes them", async () => {
  await audited(async (daemon) => {
    const create = daemon.client.call("container.create", {
      id: "c",
      spec: daemon.spec(["no-such-command"], { root: undefined }),
      rootfs: [BASE, { type: "tmpfs", source: "tmpfs", target: "/data" }],
    });
    await assert.rejects(create, RuntimeError);
    assert.deepEqual(mountsOf(baseName(daemon.dir)), [], "at once");
  });
});

Deno.test("rootfs: the mounts outlive the daemon and are undone by a forced delete", async () => {
  await audited(async (daemon) => {
    await daemon.run("c", ["sleep", "1000"], { root: undefined }, {
      rootfs: [BASE, { type: "tmpfs", source: "tmpfs", target: "/data" }],
    });
    await daemon.restart();
    assert.equal(mountsOf(baseName(daemon.dir)).length, 2);
    const { exitStatus } = await daemon.remove("c");
    assert.equal(exitStatus, 137);
  });
});
