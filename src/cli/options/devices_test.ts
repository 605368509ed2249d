// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { collectDevices } from "./devices.ts";

Deno.test("collectDevices: a device is taken with its numbers, its mode and what is allowed", () => {
  const [device] = collectDevices("/dev/null:/dev/hole:rw", undefined);
  assert.ok(device);
  const { path, type, major, minor, fileMode, access } = device;
  assert.deepEqual([path, type, major, minor, fileMode, access], [
    "/dev/hole",
    "c",
    1,
    3,
    0o666,
    "rw",
  ]);
  assert.equal(collectDevices("/dev/zero:r", undefined)[0]?.access, "r");
  assert.ok(collectDevices("/dev/pts", [device]).length >= 1);
  for (const bad of ["", "null", "/dev/none", "/dev/null:null", "/dev/null:/dev/x:q", "/etc"]) {
    assert.throws(() => collectDevices(bad, undefined), bad);
  }
});
