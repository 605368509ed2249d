// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { ownDirs } from "./own_dirs_layout.ts";

Deno.test("ownDirs: what labels and stdio name below the directories of the id, each once", () => {
  const labels = {
    "berth.overlay": "/root/overlay/web/1",
    "berth.etc": "/root/etc/web/2",
    "berth.volumes": "/root/etc/web/2/hosts",
    // A user may say anything here.
    other: "/root/overlay/web/3",
  };
  const stdio = { stdin: "/root/io/web/6/stdin", stdout: "/root/io/web/6/stdout" };
  assert.deepEqual(
    ownDirs("/root", { id: "web", labels, ...stdio, stderr: "file:///root/io/web/7/x" }),
    ["/root/io/web/6", "/root/io/web/7", "/root/overlay/web/1", "/root/etc/web/2"],
  );
});

Deno.test("ownDirs: nothing that is not below a directory of the id", () => {
  const paths = [
    "web",
    "/root/overlay/web2/3",
    "/root/images/web/4",
    "/root/volumes/web/../../images",
    "/root/volumes/web/",
    "/root/volumes/web/.",
    "/srv/overlay/web/5",
  ];
  for (const path of paths) {
    assert.deepEqual(
      ownDirs("/root", { id: "web", labels: { "berth.volumes": path }, stdout: path }),
      [],
      path,
    );
  }
});
