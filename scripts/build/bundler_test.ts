// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { ROOT } from "../root.ts";
import { type CommandResult, output } from "../../tests/harness/command.ts";
import { TempDir } from "../../tests/harness/temp_dir.ts";
import { cacheWithout } from "./sources_testing.ts";

Deno.test("bundler: bundlers that start at the same moment, with none installed yet, all work", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  await Deno.writeTextFile(`${dir}/entry.ts`, "console.log(1 + 1 as number);\n");
  const start = (DENO_DIR: string) =>
    output([
      Deno.execPath(),
      "eval",
      `import { runBundler } from "${ROOT}/scripts/build/bundler.ts";
console.log(await runBundler(["${dir}/entry.ts"]));`,
    ], { env: { DENO_DIR, NO_COLOR: "1" } });
  const startAll = async (cache: string) => {
    const DENO_DIR = await cacheWithout("esbuild", `${dir}/${cache}`);
    return await Promise.all(Array.from({ length: 8 }, () => start(DENO_DIR)));
  };
  let ended = await startAll("cache");
  // One of them fetches the package: for a moment its registry may be out of reach.
  for (let again = 1; again < 3 && ended.some(isOutOfReach); again++) {
    ended = await startAll(`cache${again}`);
  }
  for (const { code, stdout, stderr } of ended) {
    assert.equal(code, 0, stderr);
    assert.match(stdout, /console\.log\(/);
  }
});

function isOutOfReach({ stderr }: CommandResult): boolean {
  return stderr.includes("error sending request for url");
}
