// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { ignore } from "../peer/peer_testing.ts";
import { dial } from "./dial.ts";
import { isServed } from "./socket_file.ts";

/** Returns what `connect` makes of the socket of a process that ends before it has accepted. */
async function ofDying<T>(connect: (path: string) => Promise<T>): Promise<T> {
  using dir = new TempDir();
  const path = `${dir.path}/s`;
  const listener = Deno.listen({ transport: "unix", path });
  // Deno removes the file when the listener closes.
  Deno.renameSync(path, `${path}2`);
  const answer = connect(`${path}2`);
  listener.close();
  return await answer;
}

Deno.test("isServed: a process that ends before it has accepted the connection serves no more", async () => {
  assert.equal(await ofDying(isServed), false);
});

Deno.test("dial: of a process that ends before it has accepted the connection it says that nobody listens", async () => {
  await assert.rejects(ofDying((path) => dial(path, { onError: ignore })), (error) => {
    assert.equal(Object(error).data.errno, "ECONNRESET");
    assert.match(Object(error).message, /nobody listens there/);
    return true;
  });
});
