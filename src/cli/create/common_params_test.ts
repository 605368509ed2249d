// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { CliError } from "../common/exit_status.ts";
import { labelsOf } from "./common_params.ts";

Deno.test("labelsOf: labels of files are split, and one that cannot be kept names its file", async () => {
  const file = await Deno.makeTempFile();
  try {
    const options = { pivot: true, labelFile: [file], label: { b: "given" } };
    await Deno.writeTextFile(file, "# tier\na=1=2\nb=3\nalone\n");
    const { a, b, alone } = labelsOf(options, ["true"]);
    assert.deepEqual({ a, b, alone }, { a: "1=2", b: "given", alone: "" });
    await Deno.writeTextFile(file, "a=1\nberth.command=x\n");
    assert.throws(
      () => labelsOf(options, ["true"]),
      (error) => error instanceof CliError && error.message.startsWith(`${file}: berth.command: `),
    );
  } finally {
    await Deno.remove(file);
  }
});
