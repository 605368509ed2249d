// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { EINVAL, ENOENT, isErrno } from "../libc/errno.ts";
import { unmount } from "../mount/unmount.ts";
import { pinNewNamespace, setLoopbackUp } from "./namespace.ts";

const own = () => Deno.readLinkSync("/proc/thread-self/ns/net");

/** What a command says in the namespace at `path`. */
async function inside(path: string, ...args: string[]): Promise<string> {
  const { stdout } = await new Deno.Command("nsenter", { args: [`--net=${path}`, ...args] })
    .output();
  return new TextDecoder().decode(stdout);
}

Deno.test("pinNewNamespace: another namespace, loopback up, and this thread stays where it was", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  const path = `${dir}/netns`;
  const before = own();
  pinNewNamespace(path);
  try {
    assert.equal(own(), before);
    const { ino } = Deno.statSync(path);
    assert.ok(ino !== null && before !== `net:[${ino}]`);
    assert.match(await inside(path, "busybox", "ifconfig", "lo"), /UP LOOPBACK RUNNING/);
  } finally {
    unmount(path);
  }
});

Deno.test("setLoopbackUp: says of a path that it is no network namespace", () => {
  const before = own();
  assert.throws(() => setLoopbackUp("/proc/self/ns/uts"), (error) => isErrno(error, EINVAL));
  assert.throws(() => setLoopbackUp("/nowhere"), (error) => isErrno(error, ENOENT));
  setLoopbackUp("/proc/self/ns/net");
  assert.equal(own(), before);
});

Deno.test("setLoopbackUp: does not wait for the writer of a FIFO", async () => {
  const dir = Deno.makeTempDirSync();
  const { success } = await new Deno.Command("mkfifo", { args: [`${dir}/fifo`] }).output();
  assert.ok(success);
  assert.throws(() => setLoopbackUp(`${dir}/fifo`), (error) => isErrno(error, EINVAL));
  assert.throws(() => setLoopbackUp(dir), (error) => isErrno(error, EINVAL));
  Deno.removeSync(dir, { recursive: true });
});
