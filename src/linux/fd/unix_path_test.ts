// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { countOpenFds } from "./fd_testing.ts";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { ENAMETOOLONG, ENOENT, isErrno } from "../libc/errno.ts";
import { withSocketPath } from "./unix_path.ts";

Deno.test("withSocketPath: a path that fits is used as it is", () => {
  const path = `/tmp/${"x".repeat(102)}`;
  assert.equal(withSocketPath(path, (short) => short), path);
});

Deno.test("withSocketPath: a socket deep in the tree can be bound and dialed", async () => {
  using temp = new TempDir();
  const top = temp.path;
  const deep = `${top}/${"d".repeat(100)}/${"ü".repeat(50)}`;
  Deno.mkdirSync(deep, { recursive: true });
  const path = `${deep}/shim.sock`;
  const before = countOpenFds();
  using listener = withSocketPath(path, (path) => Deno.listen({ transport: "unix", path }));
  const dialed = withSocketPath(path, (path) => Deno.connect({ transport: "unix", path }));
  using _server = await listener.accept();
  using _client = await dialed;
  assert.equal(countOpenFds(), before + 3, "the directory is closed again");
  assert.ok(Deno.statSync(path).isSocket);
});

Deno.test("withSocketPath: the directory is closed when binding fails, now or later", async () => {
  const path = `/tmp${"/.".repeat(60)}/x.sock`;
  const before = countOpenFds();
  assert.throws(() =>
    withSocketPath(path, () => {
      throw new Error("no");
    }), /^Error: no$/);
  await assert.rejects(withSocketPath(path, () => Promise.reject(new Error("later"))), /later/);
  assert.equal(countOpenFds(), before);
});

Deno.test("withSocketPath: a missing directory and a name that is too long by itself are told apart", () => {
  const path = `/nowhere/${"x".repeat(100)}/y`;
  assert.throws(() => withSocketPath(path, () => 0), (error) => isErrno(error, ENOENT));
  const name = `/tmp/${"x".repeat(108)}`;
  assert.throws(() => withSocketPath(name, () => 0), (error) => isErrno(error, ENAMETOOLONG));
});
