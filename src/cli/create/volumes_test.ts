// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { makeVolumes } from "./volumes.ts";

Deno.test("makeVolumes: says which package is missing that fills a volume", async () => {
  using temp = new TempDir();
  const dir = temp.path;
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
  }
});

Deno.test("makeVolumes: refuses a volume that would hide all, or the kernel's files, also through a link", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  for (const name of ["rootfs", "volumes"]) Deno.mkdirSync(`${dir}/${name}`);
  for (const target of ["/", "/proc", "../sys", "/dev", "/dev/null"]) {
    Deno.symlinkSync(target, `${dir}/rootfs/to-${target.replace(/\W/g, "")}`);
  }
  Deno.symlinkSync("/srv", `${dir}/rootfs/other`);
  Deno.symlinkSync("circle", `${dir}/rootfs/circle`);
  const make = (destination: string) => {
    const volumes = Deno.makeTempDirSync({ dir: `${dir}/volumes` });
    return makeVolumes(volumes, `${dir}/rootfs`, [{ destination }], { uid: 0, gid: 0 });
  };
  for (const destination of ["/", "/to-"]) {
    await assert.rejects(make(destination), /would hide all of it/, destination);
  }
  for (
    const destination of ["/dev", "/to-proc", "/to-sys", "/to-dev", "/to-devnull", "/to-proc/x"]
  ) {
    await assert.rejects(make(destination), /would hide files of the kernel/, destination);
  }
  await assert.rejects(make("/circle"), /the volume \/circle leads through links in a circle/);
  assert.deepEqual((await make("/other")).map(({ destination }) => destination), ["/other"]);
});
