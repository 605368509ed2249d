// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import plugin from "./ffi_buffers.ts";

const IMPORTS = 'import { addressOf, check, errno, keepAlive } from "../libc/libc.ts"; ';

/** Returns how many places of a file are refused. */
function refused(source: string, file = "/src/linux/net/route.ts", imports = IMPORTS): number {
  return Deno.lint.runPlugin(plugin, file, imports + source).length;
}

Deno.test("ffi buffers: a buffer is touched after its address has been taken", () => {
  const call =
    "view.setBigUint64(8, addressOf(name), true); check(() => libc().ioctl(3, request));";
  assert.equal(refused(`function f() { ${call} }`), 1);
  assert.equal(refused(`function f() { ${call} keepAlive(name); }`), 0);
  assert.equal(refused(`function f() { ${call} keepAlive(other, name); }`), 0);
  assert.equal(refused(`function f() { keepAlive(name); ${call} }`), 1, "before the call");
  assert.equal(refused(`function f() { ${call} keepAlive(other); }`), 1, "another one");
  assert.equal(refused(`function f() { ${call} } function g() { keepAlive(name); }`), 1);
  assert.equal(refused(`const f = () => { ${call} keepAlive(name); };`), 0);
  assert.equal(refused(`class A { f() { [1].map(() => { ${call} }); keepAlive(name); } }`), 0);
  assert.equal(
    refused("function f() { addressOf(new Uint8Array(8)); keepAlive(); }"),
    1,
    "no name",
  );
});

Deno.test("ffi buffers: addresses are taken in one way only", () => {
  assert.equal(refused("Deno.UnsafePointer.of(buffer);"), 1);
  assert.equal(refused("Deno.UnsafePointer.of(buffer);", "/src/linux/libc/libc.ts"), 0);
});

Deno.test("ffi buffers: errno is looked at by what makes the call", () => {
  assert.equal(refused("if (libc().close(fd) === -1) throw errno();"), 1);
  assert.equal(refused("const error = errno();", "/src/linux/libc/libc.ts"), 0);
});
