// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { containerId } from "../../rpc/contract/schemas.ts";
import { randomName } from "./names.ts";

Deno.test("randomName: random names are valid ids and differ", () => {
  const names = Array.from({ length: 200 }, randomName);
  for (const name of names) assert.match(containerId.parse(name), /^[a-z]+-[a-z]+-[0-9a-f]{3}$/);
  assert.ok(new Set(names).size > 190);
});
