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

Deno.test("writeLauncher: Deno reads all chunks at the start of a daemon or shim, and of no other", async () => {
  using temp = new TempDir();
  const deno = `${temp.path}/deno`;
  Deno.writeTextFileSync(deno, '#!/bin/sh\necho "$@"\n', { mode: 0o755 });
  const berth = await writeLauncher(`${temp.path}/main.js`, { deno, dir: temp.path });
  const names = ["berthd", "berth-shim", "containerd-shim-berth-v2"];
  for (const name of names) Deno.symlinkSync(berth, `${temp.path}/${name}`);
  for (
    const [name, args, expected] of [
      ["berth", ["ps"], true],
      ["berth", [], true],
      ["berth", ["daemon"], false],
      ["berth", ["--socket", "/run/a b", "daemon"], false],
      ["berth", ["shim", "serve"], false],
      ["berth", ["containerd-shim", "-id", "a"], false],
      ["berthd", [], false],
      ["berth-shim", ["serve"], false],
      ["containerd-shim-berth-v2", ["-id", "a", "start"], true],
    ] as const
  ) {
    const { stdout } = await new Deno.Command(`${temp.path}/${name}`, { args: [...args] }).output();
    const words = new TextDecoder().decode(stdout).trim();
    assert.equal(words.includes(" --unstable-lazy-dynamic-imports "), expected, words);
    assert.ok(words.endsWith(`${temp.path}/main.js ${args.join(" ")}`.trim()), words);
  }
});
