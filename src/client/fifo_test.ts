// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";

const MODULE = import.meta.resolve("./fifo.ts");

Deno.test("fifo: the path is absolute, whatever TMPDIR is", async () => {
  const cwd = await Deno.realPath(await Deno.makeTempDir({ prefix: "berth-fifo-" }));
  try {
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
  } finally {
    await Deno.remove(cwd, { recursive: true });
  }
});
