// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { logsCommand, parseTail } from "./logs.ts";

Deno.test("parseTail: lines are a number, or all as in docker", () => {
  assert.deepEqual(["all", "-1", "0", "10"].map(parseTail), ["all", "all", 0, 10]);
  for (const bad of ["", "-x", "some"]) assert.throws(() => parseTail(bad), bad);
  const command = logsCommand();
  command.parseOptions(["-n", "all"]);
  assert.equal(command.opts()["tail"], "all");
});
