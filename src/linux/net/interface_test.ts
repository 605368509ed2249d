// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { EINVAL, isErrno } from "../libc/errno.ts";
import { unmount } from "../mount/unmount.ts";
import { hasInterface } from "./interface.ts";
import { pinNewNamespace } from "./namespace.ts";

Deno.test("hasInterface: looks into the namespace of the path, and returns to its own", () => {
  const own = () => Deno.readLinkSync("/proc/thread-self/ns/net");
  using temp = new TempDir();
  const dir = temp.path;
  const path = `${dir}/netns`;
  const before = own();
  pinNewNamespace(path);
  try {
    assert.equal(hasInterface(path, "lo"), true);
    assert.equal(hasInterface(path, "eth0"), false);
    assert.throws(() => hasInterface("/proc/self/ns/uts", "lo"), (error) => isErrno(error, EINVAL));
    assert.equal(own(), before);
  } finally {
    unmount(path);
  }
});
