// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { CliError } from "../common/exit_status.ts";
import { readOptionFiles } from "./option_files.ts";

Deno.test("readOptionFiles: labels of files are split, and one that cannot be kept names its file", async () => {
  const file = await Deno.makeTempFile();
  const { signal } = new AbortController();
  try {
    await Deno.writeTextFile(file, "# tier\na=1=2\nb=3\nalone\n");
    const { labels } = await readOptionFiles({ labelFile: [file] }, signal);
    assert.deepEqual(labels, { a: "1=2", b: "3", alone: "" });
    await Deno.writeTextFile(file, "a=1\nberth.command=x\n");
    await assert.rejects(
      readOptionFiles({ labelFile: [file] }, signal),
      (error) => error instanceof CliError && error.message.startsWith(`${file}: berth.command: `),
    );
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("readOptionFiles: the last seccomp profile is read, and no word for one", async () => {
  const { signal } = new AbortController();
  const read = async (...securityOpt: string[]) =>
    (await readOptionFiles({ securityOpt }, signal)).seccomp;
  assert.deepEqual(await read("seccomp=unconfined", "label=disable"), {});
  assert.deepEqual(await read("seccomp=/no/such", "seccomp:/dev/null"), { "/dev/null": "" });
  await assert.rejects(
    read("seccomp=/no/such"),
    /^CliError: seccomp profile \/no\/such: no such file$/,
  );
});
