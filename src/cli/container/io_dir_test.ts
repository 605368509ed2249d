// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { ioDir } from "./io_dir.ts";

const ROOT = "/var/lib/berth";

Deno.test("ioDir: FIFOs outside of the root are found under the id that the container had first", () => {
  const found = (stdin: string) => ioDir(ROOT, { id: "new", stdin, stdout: "" });
  assert.equal(found("/tmp/berth-io-3f/old/stdin"), "/tmp/berth-io-3f/old");
  assert.equal(found("/run/user/7/berth/io/old/ab/stdin"), "/run/user/7/berth/io/old/ab");
  assert.equal(found(`${ROOT}/io/new/ab/stdin`), `${ROOT}/io/new/ab`);
});

Deno.test("ioDir: of another container, or of others than berth, there is none", () => {
  for (
    const stdin of [
      "",
      `${ROOT}/io/old/ab/stdin`,
      "/tmp/berth-io-3f/stdin",
      "/tmp/berth-io-3f/old/../../stdin",
      "/run/user/7/berth/io/old/../../../stdin",
      "/run/user/7/other/io/old/ab/stdin",
    ]
  ) assert.equal(ioDir(ROOT, { id: "new", stdin, stdout: "" }), undefined, stdin);
});
