// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../tests/harness/temp_dir.ts";
import { writeLauncher } from "./launcher.ts";

Deno.test("writeLauncher: the launcher runs the bundle beside it, or where that will be on another machine", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  const path = await writeLauncher(`${dir}/main.js`);
  assert.equal(path, `${dir}/berth`);
  const here = Deno.readTextFileSync(path);
  assert.ok(here.includes(`exec '${Deno.execPath()}' `) && here.includes(` '${dir}/main.js' `));
  await writeLauncher(`${dir}/main.js`, { deno: "/opt/deno", dir: "/opt/berth" });
  const there = Deno.readTextFileSync(path);
  assert.ok(there.includes("exec '/opt/deno' ") && there.includes(" '/opt/berth/main.js' "));
  assert.ok(!there.includes(dir));
});
