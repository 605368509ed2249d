// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { hostRoot, parseIdMappings } from "./id_mapping.ts";
import { freeUserNamespace, remapTo, type SubordinateFiles } from "./subordinate_ids.ts";

function withFiles(text: string, body: (files: SubordinateFiles) => void): void {
  using temp = new TempDir();
  const dir = temp.path;
  const files = { subuid: `${dir}/subuid`, subgid: `${dir}/subgid` };
  Deno.writeTextFileSync(files.subuid, text);
  Deno.writeTextFileSync(files.subgid, text.replaceAll("100000", "200000"));
  body(files);
}

Deno.test("remapTo puts a user's ranges in a row", () =>
  withFiles("other:1:2\nremap:100000:1000\nremap:300000:500\nremap:x:1\n", (files) => {
    const found = remapTo("remap", files);
    assert.deepEqual(found.uidMappings, [
      { containerID: 0, hostID: 100_000, size: 1000 },
      { containerID: 1000, hostID: 300_000, size: 500 },
    ]);
    assert.deepEqual(hostRoot(found), { uid: 100_000, gid: 200_000 });
    assert.throws(
      () => remapTo("nobody", files),
      /subuid gives the user nobody no subordinate ids/,
    );
    assert.throws(() => remapTo("remap", { subuid: "/no/file" }), /\/no\/file gives/);
  }));

Deno.test("freeUserNamespace gives each container ids of its own until there are none", () =>
  withFiles(`containers:100000:${3 * 65_536 + 5}\n`, (files) => {
    const taken = new Set<number>();
    for (const id of ["a", "b", "c"]) {
      const { uidMappings: [uids], gidMappings: [gids] } = freeUserNamespace(id, taken, files);
      assert.ok(uids !== undefined && !taken.has(uids.hostID));
      assert.equal(uids.size, 65_536);
      assert.equal(gids?.hostID, uids.hostID + 100_000);
      taken.add(uids.hostID);
    }
    assert.deepEqual([...taken].sort((a, b) => a - b), [100_000, 165_536, 231_072]);
    assert.throws(() => freeUserNamespace("d", taken, files), /are free/);
  }));

Deno.test("parseIdMappings takes ranges with root in one, and none that overlap", () => {
  assert.deepEqual(parseIdMappings("0:1000:1,1:100000:9"), [
    { containerID: 0, hostID: 1000, size: 1 },
    { containerID: 1, hostID: 100_000, size: 9 },
  ]);
  const wrong = [
    "",
    "0:1",
    "0:1:0",
    "1:1:1",
    "0:1:5,4:9:1",
    "0:1:5,5:4:1",
    "0:1:4294967296",
    "a:1:1",
  ];
  for (const text of wrong) assert.equal(parseIdMappings(text), undefined, text);
});
