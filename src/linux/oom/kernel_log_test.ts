// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { KernelLog } from "./kernel_log.ts";

// Written to as the kernel writes: what it says itself a test cannot have it say.
Deno.test("KernelLog: the kernel's records from now on, without those of programs (a file in its place)", () => {
  using temp = new TempDir();
  const path = `${temp.path}/kmsg`;
  Deno.writeTextFileSync(path, "6,1,10,-;before\n");
  using log = new KernelLog(path);
  assert.deepEqual(log.read(), []);
  const lines = [
    "6,2,20,-;eth0: renamed",
    " SUBSYSTEM=net",
    "12,3,30,-;of a program",
    "3,4,40,c;a;b",
    "6,5,50,-;app\\x5cx2dapp \\xc3\\xbc",
  ];
  Deno.writeTextFileSync(path, `${lines.join("\n")}\n`, { append: true });
  assert.deepEqual(log.read(), ["eth0: renamed", "a;b", "app\\x2dapp ü"]);
  assert.deepEqual(log.read(), []);
});

Deno.test({
  name: "KernelLog: /dev/kmsg is read to its end, and does not wait for more",
  ignore: !KernelLog.isThere() || !isReadable(),
  fn: () => {
    using log = new KernelLog();
    Deno.writeTextFileSync("/dev/kmsg", "<6>a program's word\n");
    assert.ok(!log.read().includes("a program's word"));
  },
});

function isReadable(): boolean {
  try {
    Deno.openSync("/dev/kmsg", { read: true, write: true }).close();
    return true;
  } catch {
    return false;
  }
}
