// SPDX-License-Identifier: MIT
//
// `delete`, which containerd calls whenever the connection of a task ends, and waits for.
import assert from "node:assert/strict";
import { DeleteResponse } from "../../src/containerd/messages/task.ts";
import { decode } from "../../src/containerd/protobuf/codec.ts";
import { StubContainerd } from "../harness/containerd/stub_containerd.ts";
import { mountsOf } from "../harness/leaks/traces.ts";
import { until } from "../harness/poll.ts";
import { hasEnded } from "../harness/processes.ts";
import { rootfsDir } from "../harness/rootfs.ts";
import { writeScript } from "../harness/stand_in.ts";

/** Makes a copy of the file that containerd calls, which can start no berth; its path. */
function withoutBerth(containerd: StubContainerd): string {
  const text = Deno.readTextFileSync(containerd.shim);
  const broken = text.replaceAll(/&& exec .*;/g, "&& exit 9;");
  assert.notEqual(broken, text);
  return writeScript(`${containerd.dir}/without-berth`, broken);
}

Deno.test("containerd shim delete: after a Delete the file that containerd calls answers without berth", async () => {
  await using containerd = new StubContainerd();
  const shim = withoutBerth(containerd);
  const remove = (id: string) => containerd.call(id, "delete", undefined, shim);
  using client = await containerd.create("c", ["sh", "-c", "exit 7"]);
  const { pid } = await client.start();
  await client.wait();
  // There berth has something to do.
  assert.deepEqual((await remove("c")).code, 9);
  await client.delete();
  // With the shim, which other containers may have, and without.
  const said = await remove("c");
  await client.shutdown();
  await containerd.shims(0);
  for (const { code, stdout, stderr } of [said, await remove("c")]) {
    assert.deepEqual([code, stderr], [0, ""]);
    const answer = decode(DeleteResponse, stdout);
    assert.deepEqual([answer.pid, answer.exit_status], [pid, 7]);
    assert.ok(answer.exited_at);
  }
});

Deno.test("containerd shim delete: of a container that was made in the bundle of a deleted one it tells no old exit", async () => {
  await using containerd = new StubContainerd();
  using client = await containerd.create("c", ["sh", "-c", "exit 7"]);
  await client.start();
  await client.wait();
  await client.delete();
  assert.equal((await containerd.delete("c")).exit_status, 7);
  const config = `${containerd.bundleOf("c")}/config.json`;
  const text = Deno.readTextFileSync(config);
  Deno.writeTextFileSync(config, text.replace("exit 7", "sleep 1000"));
  await client.create();
  const { pid } = await client.start();
  const deleted = await containerd.delete("c");
  assert.deepEqual([deleted.pid, deleted.exit_status], [pid, 137]);
  await until("the end of init", () => hasEnded(pid));
  await client.wait();
  await client.delete();
});

Deno.test("containerd shim delete: where the shim was killed nothing stays mounted", async () => {
  await using containerd = new StubContainerd();
  const upper = `${containerd.dir}/upper`, work = `${containerd.dir}/work`;
  for (const dir of [upper, work]) Deno.mkdirSync(dir);
  const options = [`lowerdir=${rootfsDir()}`, `upperdir=${upper}`, `workdir=${work}`];
  using client = await containerd.create("c", ["sleep", "1000"], {
    rootfs: [
      { type: "overlay", source: "overlay", options },
      { type: "tmpfs", source: "tmpfs", target: "tmp" },
    ],
    override: { root: { path: "rootfs", readonly: false } },
  });
  const { pid } = await client.start();
  const rootfs = `${containerd.bundleOf("c")}/rootfs`;
  assert.deepEqual(mountsOf(rootfs), [`${rootfs}/tmp`, rootfs]);
  for (const shim of await containerd.shims(1)) Deno.kill(shim, "SIGKILL");
  await containerd.shims(0);
  const deleted = await containerd.delete("c");
  assert.deepEqual([deleted.pid, deleted.exit_status], [pid, 137]);
  assert.ok(hasEnded(pid));
  assert.deepEqual(mountsOf(rootfs), []);
  // What was mounted is as it was.
  assert.ok(Deno.statSync(`${rootfsDir()}/bin/busybox`).isFile);
});
