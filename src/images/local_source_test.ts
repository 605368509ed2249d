// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../tests/harness/temp_dir.ts";
import { withoutColon } from "./local_source.ts";

Deno.test("withoutColon: skopeo reads a path with a colon by a link, and is given every other as it is", () => {
  using temp = new TempDir();
  const dir = temp.path;
  const link = `${dir}/source`;
  Deno.mkdirSync(`${dir}/a:b/img`, { recursive: true });
  // Not what a tag could be of.
  Deno.mkdirSync(`${dir}/a`);
  Deno.writeTextFileSync(`${dir}/a:b/img/index.json`, "{}");
  Deno.writeTextFileSync(`${dir}/x:y.tar`, "");
  Deno.writeTextFileSync(`${dir}/plain.tar`, "");
  for (
    const [source, read, target] of [
      [`oci:${dir}/a:b/img`, `oci:${link}`, `${dir}/a:b/img`],
      [`oci:${dir}/a:b/img:v1`, `oci:${link}:v1`, `${dir}/a:b/img`],
      [`oci-archive:${dir}/x:y.tar`, `oci-archive:${link}`, `${dir}/x:y.tar`],
      [`docker-archive:${dir}/x:y.tar:a/b:1`, `docker-archive:${link}:a/b:1`, `${dir}/x:y.tar`],
    ] as const
  ) {
    assert.equal(withoutColon(source, dir), read);
    assert.equal(Deno.readLinkSync(link), target);
    Deno.removeSync(link);
  }
  for (
    const source of [
      `docker-archive:${dir}/plain.tar:a/b:1`,
      `oci:${dir}/none:v1`,
      `dir:${dir}/x:y`,
      "docker://localhost:5000/a:1",
    ]
  ) {
    assert.equal(withoutColon(source, dir), source);
  }
});
