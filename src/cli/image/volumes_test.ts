// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { makeVolumes } from "./volumes.ts";

Deno.test("makeVolumes: says which package is missing that fills a volume", async () => {
  const dir = Deno.makeTempDirSync();
  const path = Deno.env.get("PATH") ?? "";
  try {
    Deno.mkdirSync(`${dir}/rootfs/data`, { recursive: true });
    Deno.mkdirSync(`${dir}/volumes`);
    Deno.env.set("PATH", "/none");
    const owner = { uid: 0, gid: 0 };
    await assert.rejects(
      makeVolumes(`${dir}/volumes`, `${dir}/rootfs`, [{ destination: "/data" }], owner),
      /^CliError: cp is not in PATH, .* package coreutils$/,
    );
  } finally {
    Deno.env.set("PATH", path);
    Deno.removeSync(dir, { recursive: true });
  }
});
