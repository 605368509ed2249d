// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { RuncCreateOptions, RuncOptions, RuntimeOptions } from "../messages/options.ts";
import { encode } from "../protobuf/codec.ts";
import { InvalidParamsError } from "../../rpc/errors.ts";
import { readOptions } from "./options.ts";

Deno.test("readOptions reads options however they come", async () => {
  const none = await readOptions(undefined);
  assert.deepEqual([none.binaryName, none.root], ["runc", "/run/containerd/runc"]);
  const runc = await readOptions({
    type_url: "type.googleapis.com/containerd.runc.v1.Options",
    value: encode(RuncOptions, { binary_name: "crun", systemd_cgroup: true, io_uid: 7 }),
  });
  assert.deepEqual([runc.binaryName, runc.systemdCgroup, runc.io.uid], ["crun", true, 7]);
  const old = await readOptions({
    type_url: "containerd.linux.runc.CreateOptions",
    value: encode(RuncCreateOptions, { shim_cgroup: "/s", no_new_keyring: true }),
  });
  assert.deepEqual([old.shimCgroup, old.noNewKeyring, old.binaryName], ["/s", true, "runc"]);
  const body = 'BinaryName = "crun"\nSystemdCgroup = true\nRoot = "/r"\nUnknown = [1]\n';
  const cri = await readOptions({
    type_url: "runtimeoptions.v1.Options",
    value: encode(RuntimeOptions, { config_body: new TextEncoder().encode(body) }),
  });
  assert.deepEqual([cri.binaryName, cri.systemdCgroup, cri.root], ["crun", true, "/r"]);
  const unknown = await readOptions({ type_url: "other.Options", value: Uint8Array.of(255) });
  assert.deepEqual(unknown, none);
});

Deno.test("readOptions refuses options that are damaged", async () => {
  const toml = (text: string) => ({
    type_url: "runtimeoptions.v1.Options",
    value: encode(RuntimeOptions, { config_body: new TextEncoder().encode(text) }),
  });
  const bad = [
    { type_url: "containerd.runc.v1.Options", value: Uint8Array.of(255) },
    toml("BinaryName ="),
    toml("BinaryName = 1"),
    toml('SystemdCgroup = "yes"'),
  ];
  for (const options of bad) await assert.rejects(readOptions(options), InvalidParamsError);
});
