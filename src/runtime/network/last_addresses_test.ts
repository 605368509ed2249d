// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { LastAddresses } from "./last_addresses.ts";

Deno.test("LastAddresses: outlive the daemon, the newest of them; a damaged file is none", () => {
  using temp = new TempDir();
  const dir = temp.path;
  const path = `${dir}/addresses.json`;
  const addresses = new LastAddresses(path);
  assert.equal(addresses.get("web"), undefined);
  addresses.set("gone", new Map([["bridge", ["10.0.0.3"]]]));
  addresses.set("web", new Map([["bridge", ["10.0.0.2", "fd00::2"]]]));
  addresses.delete("gone");
  const again = new LastAddresses(path, 3);
  assert.deepEqual(again.get("web"), new Map([["bridge", ["10.0.0.2", "fd00::2"]]]));
  assert.equal(again.get("gone"), undefined);
  for (let n = 0; n < 3; n++) again.set(`c${n}`, new Map());
  assert.equal(new LastAddresses(path).get("web"), undefined);
  assert.deepEqual(new LastAddresses(path).get("c2"), new Map());
  for (const damaged of ["{", "{}", "[]", '{"containers":[1,[],[2,{}],["c1"]]}']) {
    Deno.writeTextFileSync(path, damaged);
    assert.equal(new LastAddresses(path).get("c1")?.size ?? 0, 0, damaged);
  }
});

Deno.test("LastAddresses: the oldest are forgotten, whatever the ids look like", () => {
  using temp = new TempDir();
  const dir = temp.path;
  const path = `${dir}/addresses.json`;
  for (const id of ["30", "web", "20", "10"]) new LastAddresses(path, 3).set(id, new Map());
  const left = new LastAddresses(path);
  const known = ["30", "web", "20", "10"].map((id) => left.get(id) !== undefined);
  assert.deepEqual(known, [false, true, true, true]);
});
