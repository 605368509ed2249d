// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../tests/harness/temp_dir.ts";

const MODULE = import.meta.resolve("./fifo.ts");

Deno.test("fifo: the path is absolute, whatever TMPDIR is", async () => {
  using temp = new TempDir();
  const cwd = Deno.realPathSync(temp.path);
  for (const [TMPDIR, parent] of [["", "/tmp"], [".", cwd], [cwd, cwd]] as const) {
    const program = `import { makeFifos, removeFifos } from "${MODULE}";
const dir = await makeFifos(["stdout"]);
console.log(dir, String(Deno.statSync(dir + "/stdout").isFifo));
await removeFifos(dir);`;
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", "--quiet", program],
      cwd,
      env: { TMPDIR, TMP: "", TEMP: "" },
      stdin: "null",
    }).output();
    const [dir = "", isFifo] = new TextDecoder().decode(stdout).trim().split(" ");
    assert.equal(isFifo, "true", new TextDecoder().decode(stderr));
    assert.equal(dir.slice(0, dir.lastIndexOf("/")), parent, `TMPDIR=${TMPDIR}`);
  }
  assert.deepEqual([...Deno.readDirSync(cwd)], []);
});
