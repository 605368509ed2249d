// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { isServed } from "../../rpc/transport/socket_file.ts";
import { removeSocketOf, ShimSocket, socketPath, writeAddress } from "./socket.ts";

Deno.test("socketPath is the SHA-256 of the cleaned address, namespace and group", async () => {
  const place = { dir: "/s", address: "/run/containerd//containerd.sock", namespace: "n" };
  const path = await socketPath({ ...place, group: "g" });
  const plain = new TextEncoder().encode("/run/containerd/containerd.sock/n/g");
  const hex = new Uint8Array(await crypto.subtle.digest("SHA-256", plain)).toHex();
  assert.equal(path, `/s/${hex}`);
  assert.equal(await socketPath({ ...place, group: "../n/./g" }), path);
});

Deno.test("ShimSocket.bind: of several at a time one listens; a dead one's place is taken", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  const path = `${dir}/s/x`;
  const bound = await Promise.all([1, 2, 3, 4].map(() => ShimSocket.bind(path)));
  const [socket, ...more] = bound.filter((each) => each !== undefined);
  assert.ok(socket && more.length === 0);
  assert.equal((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
  assert.equal((Deno.statSync(`${dir}/s`).mode ?? 0) & 0o777, 0o700);
  writeAddress(dir, path);
  await removeSocketOf(dir);
  assert.ok(await isServed(path));
  // As a killed shim leaves it.
  socket.listener.close();
  assert.equal(await isServed(path), false);
  Deno.mkdirSync(`${dir}/s/.bind-killed`);
  const next = await ShimSocket.bind(path);
  assert.ok(next);
  next.close();
  assert.deepEqual([...Deno.readDirSync(`${dir}/s`)], []);
});

Deno.test("removeSocketOf removes what nobody accepts on, and nothing else", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  const path = `${dir}/x`;
  await removeSocketOf(dir);
  writeAddress(dir, path);
  await removeSocketOf(dir);
  Deno.writeTextFileSync(path, "");
  await removeSocketOf(dir);
  Deno.removeSync(path);
  const socket = await ShimSocket.bind(path);
  socket?.listener.close();
  await removeSocketOf(dir);
  assert.deepEqual([...Deno.readDirSync(dir)].map(({ name }) => name), ["address"]);
});
