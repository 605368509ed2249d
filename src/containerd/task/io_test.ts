// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { InvalidParamsError } from "../../rpc/errors.ts";
import { taskIo } from "./io.ts";

/** Returns the targets of the outputs for those of a request. */
function outputs(stdout: string, stderr = "", terminal = false): [string, string] {
  const { stdio } = taskIo({ stdin: "", stdout, stderr, terminal }, "/b/init");
  return [stdio.stdout, stdio.stderr];
}

Deno.test("taskIo takes a path without a scheme as a FIFO, or as the file or device that is there", () => {
  using temp = new TempDir();
  const file = `${temp.path}/out`, fifo = `${temp.path}/fifo`;
  Deno.writeTextFileSync(file, "");
  assert.equal(new Deno.Command("mkfifo", { args: [fifo] }).outputSync().code, 0);
  assert.deepEqual(outputs(fifo, file), [fifo, `file://${file}`]);
  assert.deepEqual(outputs(file, "/dev/null"), [`file://${file}`, "file:///dev/null"]);
  assert.deepEqual(outputs(`${file}.none`), [`${file}.none`, ""]);
  assert.deepEqual(outputs("", ""), ["", ""]);
  assert.deepEqual(outputs(file, file, true), [`file://${file}`, ""]);
});

Deno.test("taskIo has both outputs go to the file or the program that stdout names", () => {
  assert.deepEqual(outputs("file:///a%20b?c", "/x"), ["file:///a b", "file:///a b"]);
  const { stdio, logger } = taskIo({
    stdin: "",
    stdout: "binary:///log%20it?a=1&b&a=2",
    stderr: "/x",
    terminal: false,
  }, "/b/init");
  assert.deepEqual([stdio.stdout, stdio.stderr], ["/b/init-stdout", "/b/init-stderr"]);
  assert.deepEqual(logger?.argv, ["/log it", "a", "1", "b", ""]);
  assert.equal(logger?.mustSay, false);
  assert.throws(() => outputs("https://example.org/"), InvalidParamsError);
});
