// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { BootstrapParams } from "../messages/bootstrap.ts";
import { RuncOptions } from "../messages/options.ts";
import { Any } from "../messages/types.ts";
import { encode } from "../protobuf/codec.ts";
import { groupOf, readBootstrap } from "./params.ts";

const FLAGS = { id: "c1", namespace: "n" };
const OPTIONS = {
  type_url: "containerd.runc.v1.Options",
  value: encode(RuncOptions, { binary_name: "crun" }),
};

Deno.test("readBootstrap takes nothing, options, or params for what they are", () => {
  const none = readBootstrap(new Uint8Array(), FLAGS);
  assert.deepEqual([none.structured, none.options], [false, undefined]);
  const options = readBootstrap(encode(Any, OPTIONS), FLAGS);
  assert.deepEqual([options.structured, options.options], [false, OPTIONS]);
  const params = readBootstrap(
    encode(BootstrapParams, {
      instance_id: "c1",
      namespace: "n",
      socket_dir: "/run/s",
      containerd_ttrpc_address: "/run/t",
      extensions: [{ value: { type_url: "other", value: new Uint8Array() } }, { value: OPTIONS }],
    }),
    FLAGS,
  );
  assert.deepEqual(params, {
    structured: true,
    socketDir: "/run/s",
    ttrpcAddress: "/run/t",
    options: OPTIONS,
  });
  // Of another container: options whose type happens to read like that.
  const other = readBootstrap(encode(BootstrapParams, { instance_id: "x", namespace: "n" }), FLAGS);
  assert.equal(other.structured, false);
  assert.equal(readBootstrap(Uint8Array.of(255, 255), FLAGS).structured, false);
});

Deno.test("groupOf takes the annotation of a group, else that of a pod, else the id", () => {
  const group = "io.containerd.runc.v2.group", pod = "io.kubernetes.cri.sandbox-id";
  assert.equal(groupOf({ annotations: { [pod]: "p", [group]: "g" } }, "i"), "g");
  assert.equal(groupOf({ annotations: { [pod]: "p" } }, "i"), "p");
  assert.equal(groupOf({ annotations: { [pod]: "" } }, "i"), "i");
  assert.equal(groupOf(undefined, "i"), "i");
});
