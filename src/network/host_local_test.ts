// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../tests/harness/temp_dir.ts";
import { FileLock } from "../linux/fd/file_lock.ts";
import { leasesOf, releaseLeases } from "./host_local.ts";

Deno.test("releaseLeases: the container's leases and empty ones go, others' stay, under the plugin's lock", async () => {
  using temp = new TempDir();
  const dataDir = temp.path;
  const dir = `${dataDir}/net`;
  const conflist = {
    cniVersion: "0.4.0",
    name: "net",
    plugins: [{ type: "bridge", ipam: { type: "host-local", dataDir } }, { type: "portmap" }],
  };
  await releaseLeases(conflist, "mine");
  Deno.mkdirSync(dir);
  const files = {
    "10.1.0.2": "mine\r\neth0",
    "10.1.0.3": "other\r\neth0",
    "10.1.0.4": "",
    "fd00::2": "mine",
    "last_reserved_ip.0": "10.1.0.4",
    "lock": "",
  };
  for (const [name, text] of Object.entries(files)) {
    Deno.writeTextFileSync(`${dir}/${name}`, text);
  }
  let released = false;
  const lock = FileLock.tryLock(`${dir}/lock`);
  const done = releaseLeases(conflist, "mine").then(() => released = true);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(released, false);
  lock?.[Symbol.dispose]();
  await done;
  assert.deepEqual([...Deno.readDirSync(dir)].map(({ name }) => name).sort(), [
    "10.1.0.3",
    "last_reserved_ip.0",
    "lock",
  ]);
});

Deno.test("releaseLeases: where host-local cannot keep a lease there is none", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  Deno.writeTextFileSync(`${dir}/file`, "");
  Deno.symlinkSync("loop", `${dir}/loop`);
  // Where no lease is the container's, its lock is not needed, which cannot be had on every disk.
  Deno.mkdirSync(`${dir}/locked/net/lock`, { recursive: true });
  Deno.writeTextFileSync(`${dir}/locked/net/10.1.0.3`, "other");
  const dirs = ["none", "file", "loop", "long".repeat(100), "nul\0", "locked"];
  for (const dataDir of dirs.map((name) => `${dir}/${name}`)) {
    const ipam = { type: "host-local", dataDir };
    const conflist = { cniVersion: "1.0.0", name: "net", plugins: [{ type: "bridge", ipam }] };
    assert.deepEqual(leasesOf(conflist, "mine"), [], dataDir);
    await releaseLeases(conflist, "mine");
  }
});
