// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { ownDirs } from "./own_dirs.ts";

Deno.test("ownDirs: what labels and stdio name below the directories of the id, each once", () => {
  const labels = {
    "berth.overlay": "/root/overlay/web/1",
    "berth.etc": "/root/etc/web/2",
    again: "/root/etc/web/2/hosts",
    text: "web",
    other: "/root/overlay/web2/3",
    shared: "/root/images/web/4",
    above: "/root/volumes/web/../../images",
    parent: "/root/volumes/web/",
    elsewhere: "/srv/overlay/web/5",
  };
  const stdio = { stdin: "/root/io/web/6/stdin", stdout: "/root/io/web/6/stdout", terminal: false };
  assert.deepEqual(
    ownDirs({ id: "web", labels, stdio: { ...stdio, stderr: "file:///root/io/web/7/x" } }, "/root"),
    ["/root/io/web/6", "/root/io/web/7", "/root/overlay/web/1", "/root/etc/web/2"],
  );
});
