// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { InvalidParamsError } from "../../rpc/errors.ts";
import { CreateRequest } from "../messages/task.ts";
import { decode, encode } from "../protobuf/codec.ts";
import type { Encodable } from "../protobuf/fields.ts";
import { readOptions } from "./options.ts";
import { makeRecord } from "./record.ts";

async function recordOf(request: Encodable<typeof CreateRequest>) {
  return makeRecord({
    request: decode(CreateRequest, encode(CreateRequest, { id: "c", ...request })),
    options: await readOptions(undefined),
    stdio: { stdin: "", stdout: "", stderr: "", terminal: false },
    spec: {},
    namespace: "n",
  });
}

const overlay = (...options: string[]) => [{ type: "overlay", source: "overlay", options }];

Deno.test("makeRecord takes a rootfs and a checkpoint", async () => {
  const { rootfs, checkpoint } = await recordOf({ rootfs: overlay("ro"), checkpoint: "/images" });
  assert.deepEqual(rootfs, [{ type: "overlay", source: "overlay", options: ["ro"] }]);
  assert.equal(checkpoint, "/images");
});

Deno.test("makeRecord refuses by name what it cannot do", async () => {
  const refused: [Encodable<typeof CreateRequest>, RegExp][] = [
    [{ rootfs: overlay("X-containerd.mkdir.path=/a") }, /X-containerd.mkdir.path=\/a is for/],
    [{ checkpoint: "/images", parent_checkpoint: "/before" }, /parent_checkpoint: /],
  ];
  for (const [request, message] of refused) {
    await assert.rejects(recordOf(request), (error) => {
      assert.ok(error instanceof InvalidParamsError);
      assert.match(error.message, message);
      return true;
    });
  }
});
