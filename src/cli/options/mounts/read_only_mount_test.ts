// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { parseMount } from "./mount_keys.ts";
import { readOnlyMount } from "./read_only_mount.ts";
import { parseVolume } from "./volume.ts";

const NEW = { kernel: "5.12.0-rc1", runtime: "runc" };

Deno.test("readOnlyMount: submounts are read-only, too, where the kernel and the runtime can do that", () => {
  const mount = parseVolume("/a:/b:ro");
  const all = ["rbind", "ro", "rprivate", "rro"];
  const top = ["rbind", "ro", "rprivate"];
  for (
    const [mounter, options] of [
      [NEW, all],
      [{ ...NEW, runtime: "/opt/runsc-tools/crun" }, all],
      [{ ...NEW, kernel: "5.11.22-generic" }, top],
      [{ ...NEW, runtime: "runsc" }, top],
      [{ ...NEW, runtime: "/usr/bin/runsc-release" }, top],
    ] as const
  ) {
    assert.deepEqual(readOnlyMount(mount, mounter), { ...mount, options }, JSON.stringify(mounter));
  }
  const writable = parseVolume("/a:/b:nosuid");
  assert.equal(readOnlyMount(writable, NEW), writable);
  // Nothing is below what is no directory.
  for (const file of ["/proc/self/status", "/dev/null"]) {
    assert.deepEqual(readOnlyMount(parseVolume(`${file}:/b:ro`), NEW).options, top);
    const forced = readOnlyMount(parseVolume(`${file}:/b:rro`), { ...NEW, kernel: "5.4.0" });
    assert.deepEqual(forced.options, ["rbind", "rprivate", "ro"]);
  }
});

Deno.test("readOnlyMount: where submounts have to be read-only, a kernel or runtime that cannot is refused", () => {
  const forced = parseMount("type=bind,src=/a,dst=/b,ro,bind-recursive=readonly");
  for (const mount of [forced, parseVolume("/a:/b:rro")]) {
    assert.deepEqual(readOnlyMount(mount, NEW).options, ["rbind", "rprivate", "ro", "rro"]);
    for (const mounter of [{ ...NEW, kernel: "5.4.0" }, { ...NEW, runtime: "runsc" }]) {
      assert.throws(() => readOnlyMount(mount, mounter), /below \/a read-only: .*Linux 5\.12/);
    }
  }
});
