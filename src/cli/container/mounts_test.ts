// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { absolute, parseMount, parseVolume } from "./mounts.ts";

Deno.test("a mount is taken in berth's and in docker's words", () => {
  const mount = {
    type: "bind",
    source: "/a",
    destination: "/b",
    options: ["rbind", "ro", "nosuid"],
  };
  assert.deepEqual(parseMount("type=bind,src=/a,dst=/b,options=ro:nosuid"), mount);
  assert.deepEqual(parseMount("source=/a,target=/b,readonly,options=nosuid"), mount);
  assert.deepEqual(parseMount("type=tmpfs,dst=/tmp,options=size=1m"), {
    type: "tmpfs",
    source: "tmpfs",
    destination: "/tmp",
    options: ["size=1m"],
  });
  assert.deepEqual(parseMount("src=/a,dst=/b,options=bind").options, ["bind"]);
});

Deno.test("a mount that cannot be meant is refused", () => {
  for (const bad of ["type=bind,dst=/b", "type=bind,src=/a", "src=/a,dst=b", "src=/a,dst=/b,x=1"]) {
    assert.throws(() => parseMount(bad), bad);
  }
});

Deno.test("a volume is a bind mount", () => {
  const options = ["rbind", "ro"];
  assert.deepEqual(parseVolume("/a:/b:ro"), {
    type: "bind",
    source: "/a",
    destination: "/b",
    options,
  });
  assert.deepEqual(parseVolume("/a:/b").options, ["rbind"]);
  for (const bad of ["/a", "/a:b", ":/b", "/a:/b:ro:x"]) assert.throws(() => parseVolume(bad), bad);
});

Deno.test("paths are taken from the working directory on", () => {
  assert.equal(absolute("/x/."), "/x/.");
  assert.equal(absolute("./x"), `${Deno.cwd()}/x`);
  assert.equal(absolute("."), Deno.cwd());
});

Deno.test("an option that no mount knows is refused, not ignored", () => {
  for (const bad of ["readonly", "RO", "bogus", "ro,bogus", "size=1m"]) {
    assert.throws(() => parseVolume(`/a:/b:${bad}`), /unknown mount option/, bad);
    assert.throws(() => parseMount(`src=/a,dst=/b,options=${bad.replace(",", ":")}`), bad);
    assert.throws(() => parseMount(`type=none,src=/a,dst=/b,options=bind:${bad}`), bad);
  }
  for (const good of ["ro", "nosuid", "rslave", "rro", "rnosuid", "idmap", "rbind"]) {
    assert(parseVolume(`/a:/b:${good}`).options.includes(good), good);
    assert(parseMount(`src=/a,dst=/b,options=${good}`).options.includes(good), good);
  }
});
