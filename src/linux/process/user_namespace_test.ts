// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { fdPath } from "../fd/fd.ts";
import { EINVAL, EPERM, isErrno } from "../libc/errno.ts";
import { Reaper } from "./reaper.ts";
import { openUserNamespace } from "./user_namespace.ts";

Deno.test("openUserNamespace makes a namespace with these maps, and leaves no process", async () => {
  using reaper = Reaper.start({ reapAll: false });
  const maps = { uids: "0 65536 10\n10 90000 1", gids: "0 75536 10" };
  using namespace = await openUserNamespace(reaper, maps);
  assert.equal(reaper.watchedCount, 0);
  const fd = fdPath(namespace.fd).replace("self", `${Deno.pid}`);
  const { stdout } = await new Deno.Command("nsenter", {
    args: [
      `--user=${fd}`,
      "--preserve-credentials",
      "cat",
      "/proc/self/uid_map",
      "/proc/self/gid_map",
    ],
  }).output();
  const lines = new TextDecoder().decode(stdout).trim().split("\n");
  assert.deepEqual(lines.map((line) => line.trim().split(/\s+/).join(" ")), [
    "0 65536 10",
    "10 90000 1",
    "0 75536 10",
  ]);
});

Deno.test("openUserNamespace says which map the kernel refuses", async () => {
  using reaper = Reaper.start({ reapAll: false });
  // They overlap.
  const maps = { uids: "0 65536 10\n5 90000 10", gids: "0 65536 10" };
  await assert.rejects(openUserNamespace(reaper, maps), (error) => {
    assert.ok(isErrno(error, EINVAL, EPERM));
    assert.match(error.message, /uid_map "0 65536 10\\n5 90000 10"/);
    return true;
  });
  assert.equal(reaper.watchedCount, 0);
});
