// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { logIssues } from "./log.ts";

Deno.test("logIssues: an option that the driver has not is refused, be the driver that of the config", () => {
  const stdio = { stdout: "", stderr: "" };
  const messages = (log: Parameters<typeof logIssues>[0], driver: "cri" | "raw" | "none") =>
    logIssues(log, stdio, { driver }).map(({ path, message }) => `${path}: ${message}`);
  const sizes = { maxSize: 2 ** 20, maxFile: 2 };
  assert.deepEqual(messages(sizes, "cri"), []);
  assert.deepEqual(messages({ ...sizes, driver: "cri" }, "raw"), []);
  assert.deepEqual(messages({}, "raw"), []);
  assert.deepEqual(messages({ driver: "raw", maxSize: 2 ** 20 }, "cri"), [
    "log.maxSize: the log driver raw has no such option",
  ]);
  assert.deepEqual(messages({ maxFile: 2 }, "none"), [
    "log.maxFile: the log driver none has no such option",
  ]);
});
