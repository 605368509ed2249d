// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";

/** Runs a program with a soft limit of 99 open files and returns what it prints. */
async function withLimit(program: string): Promise<string> {
  const code = `import { Reaper } from ${JSON.stringify(import.meta.resolve("./reaper.ts"))};
    import * as limit from ${JSON.stringify(import.meta.resolve("./file_limit.ts"))};
    import * as fd from ${JSON.stringify(import.meta.resolve("../fd/fd.ts"))};
    const { hard } = limit.fileLimit();
    // Deno has raised it.
    limit.borrowFileLimit(99n);
    ${program}`;
  const { code: status, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", code],
    stdin: "null",
  }).output();
  assert.equal(status, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trim();
}

Deno.test("file limit: raiseFileLimit: raises this process's limit, children keep what it was", async () => {
  const output = await withLimit(`
    const meant = limit.raiseFileLimit();
    using reaper = Reaper.start({ childFileLimit: meant });
    const seen = fd.memfd("seen");
    await reaper.spawn(["sh", "-c", "ulimit -Sn"], { stdout: seen }).exited;
    console.log(meant, limit.fileLimit().soft === hard, new TextDecoder().decode(fd.preadAll(seen)));`);
  assert.equal(output, "99n true 99");
});

Deno.test("file limit: raiseFileLimit: takes what whoever started Deno says that it was", async () => {
  const output = await withLimit(`
    console.log(limit.raiseFileLimit("98"), limit.raiseFileLimit("x") === hard,
      limit.raiseFileLimit(String(2n ** 62n)) === hard);`);
  assert.equal(output, "98n true true");
});
