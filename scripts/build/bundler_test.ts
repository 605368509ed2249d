// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { ROOT } from "../root.ts";
import { TempDir } from "../../tests/harness/temp_dir.ts";
import { cacheWithout } from "./sources_testing.ts";

Deno.test("bundler: bundlers that start at the same moment, with none installed yet, all work", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  const DENO_DIR = await cacheWithout("esbuild", `${dir}/cache`);
  await Deno.writeTextFile(`${dir}/entry.ts`, "console.log(1 + 1 as number);\n");
  const start = () =>
    new Deno.Command(Deno.execPath(), {
      args: [
        "eval",
        `import { runBundler } from "${ROOT}/scripts/build/bundler.ts";
console.log(await runBundler(["${dir}/entry.ts"]));`,
      ],
      env: { DENO_DIR, NO_COLOR: "1" },
      stdin: "null",
    }).output();
  for (const { code, stdout, stderr } of await Promise.all(Array.from({ length: 8 }, start))) {
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    assert.match(new TextDecoder().decode(stdout), /console\.log\(/);
  }
});
