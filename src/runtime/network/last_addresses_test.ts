// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { LastAddresses } from "./last_addresses.ts";

Deno.test("LastAddresses: outlive the daemon, the newest of them; a damaged file is none", () => {
  const dir = Deno.makeTempDirSync();
  const path = `${dir}/addresses.json`;
  try {
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
    Deno.writeTextFileSync(path, "{");
    assert.equal(new LastAddresses(path).get("c1"), undefined);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});
