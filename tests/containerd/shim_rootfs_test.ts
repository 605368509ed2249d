// SPDX-License-Identifier: MIT
//
// The mounts that containerd has the shim make a rootfs of.
import assert from "node:assert/strict";
import { CODE } from "../../src/containerd/ttrpc/messages.ts";
import { StubContainerd } from "../harness/containerd/stub_containerd.ts";
import { exists } from "../../src/linux/fs/exists.ts";
import { findCommand } from "../../scripts/system_packages.ts";
import { run } from "../harness/command.ts";
import { readIfThere } from "../harness/files.ts";
import { until } from "../harness/poll.ts";
import { rootfsDir } from "../harness/rootfs.ts";

/** Whom root of the container is on the host. */
const MAPPED = 231_072;

Deno.test("containerd shim rootfs: the layers of a pod with users of its own belong to its root", async () => {
  await using containerd = new StubContainerd();
  // Root of the container has to reach its rootfs, as below containerd's directories.
  for (let dir = containerd.bundleOf("x"); dir !== "/tmp"; dir = dir.replace(/\/[^/]*$/, "")) {
    Deno.mkdirSync(dir, { recursive: true });
    Deno.chmodSync(dir, 0o711);
  }
  for (const name of ["upper", "work"]) {
    Deno.mkdirSync(`${containerd.dir}/${name}`);
    Deno.chownSync(`${containerd.dir}/${name}`, MAPPED, MAPPED);
  }
  const layers = [
    `lowerdir=${rootfsDir()}`,
    `upperdir=${containerd.dir}/upper`,
    `workdir=${containerd.dir}/work`,
  ];
  const map = `0:${MAPPED}:65536`;
  const mappings = [{ containerID: 0, hostID: MAPPED, size: 65_536 }];
  const script = "stat -c %u:%g /bin/busybox; echo changed >/etc/passwd";
  const override = {
    root: { path: "rootfs", readonly: false },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs" },
    ],
    linux: {
      namespaces: ["pid", "ipc", "uts", "mount", "user"].map((type) => ({ type })),
      uidMappings: mappings,
      gidMappings: mappings,
    },
  };
  const args = ["sh", "-c", script];
  const stdout = `file://${containerd.dir}/out`;
  {
    const options = [...layers, `uidmap=${map}`, `gidmap=${map}`];
    const rootfs = [{ type: "overlay", source: "overlay", options }];
    using client = await containerd.create("pod", args, { rootfs, stdout, override });
    const waited = client.wait();
    await client.start();
    assert.equal((await waited).exit_status, 0);
    await client.delete();
    await client.shutdown();
  }
  assert.equal(Deno.readTextFileSync(`${containerd.dir}/out`), "0:0\n");
  const { uid, gid } = Deno.statSync(`${containerd.dir}/upper/etc/passwd`);
  assert.deepEqual([uid, gid], [MAPPED, MAPPED]);

  containerd.makeBundle("proc", args, override);
  using client = await containerd.start("proc");
  const rootfs = [{ type: "proc", source: "proc", options: [`uidmap=${map}`, `gidmap=${map}`] }];
  await assert.rejects(client.create({ rootfs }), {
    code: CODE.failedPrecondition,
    message: /its file system does not support mapped ids/,
  });
  await client.shutdown();
});

Deno.test({
  name: "containerd shim rootfs: a file with a file system is mounted by a loop device",
  ignore: findCommand("mkfs.ext4") === undefined || !exists("/dev/loop-control"),
  async fn() {
    await using containerd = new StubContainerd();
    const image = `${containerd.dir}/image`;
    await run(["mkfs.ext4", "-q", "-d", rootfsDir(), image, "32m"]);
    const override = { root: { path: "rootfs", readonly: false } };
    const lives = [
      { options: ["loop"], script: "echo written >/new", said: /^$/ },
      {
        options: ["ro", "loop"],
        script: "cat /new; rm /new 2>&1",
        said: /^written\n.*Read-only/,
      },
    ];
    for (const [index, { options, script, said }] of lives.entries()) {
      const stdout = `file://${containerd.dir}/out${index}`;
      const rootfs = [{ type: "ext4", source: image, options }];
      const args = ["sh", "-c", script];
      using client = await containerd.create(`c${index}`, args, { rootfs, stdout, override });
      await client.start();
      await client.wait();
      await client.delete();
      await client.shutdown();
      assert.match(Deno.readTextFileSync(`${containerd.dir}/out${index}`), said);
      const backing = `${image}\n`;
      await until("a free device", () => !loopFiles().includes(backing));
    }
  },
});

/** The files that are loop devices. */
function loopFiles(): string[] {
  return [...Deno.readDirSync("/sys/block")].filter(({ name }) => name.startsWith("loop"))
    .map(({ name }) => readIfThere(`/sys/block/${name}/loop/backing_file`));
}
