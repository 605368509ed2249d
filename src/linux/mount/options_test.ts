// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import * as ms from "./options.ts";

const parse = (...options: string[]) => ms.parseMountOptions(options);

Deno.test("options: flags become flags and the rest is data, in order", () => {
  assert.deepEqual(parse("nosuid", "nodev", "size=64k", "noexec", "mode=700"), {
    set: ms.MS_NOSUID | ms.MS_NODEV | ms.MS_NOEXEC,
    clear: 0,
    propagation: [],
    data: "size=64k,mode=700",
  });
});

Deno.test("options: a string may hold several options, as after -o", () => {
  assert.deepEqual(parse("ro,nosuid,,size=64k", "mode=700"), {
    set: ms.MS_RDONLY | ms.MS_NOSUID,
    clear: 0,
    propagation: [],
    data: "size=64k,mode=700",
  });
});

Deno.test("options: an escaped or quoted comma does not separate", () => {
  assert.equal(parse("lowerdir=/a\\,ro:/b").data, "lowerdir=/a\\,ro:/b");
  assert.equal(parse("lowerdir=/a\\,ro:/b").set, 0);
  assert.equal(parse('context="u:r:t:s0:c1,c2",ro').data, 'context="u:r:t:s0:c1,c2"');
});

Deno.test("options: of two options that contradict the later wins", () => {
  assert.equal(parse("ro", "rw").set, 0);
  assert.equal(parse("ro", "rw").clear, ms.MS_RDONLY);
  assert.equal(parse("rw", "ro").set, ms.MS_RDONLY);
  assert.equal(parse("rw", "ro").clear, 0);
});

Deno.test("options: the kinds of atime exclude one another", () => {
  assert.equal(parse("noatime", "relatime").set, ms.MS_RELATIME);
  assert.equal(parse("relatime", "strictatime").set, ms.MS_STRICTATIME);
  assert.equal(parse("strictatime", "noatime", "nodiratime").set, ms.MS_NOATIME | ms.MS_NODIRATIME);
});

Deno.test("options: rbind is bind and recursive; sync, dirsync and remount are flags", () => {
  assert.equal(parse("rbind").set, ms.MS_BIND | ms.MS_REC);
  assert.equal(
    parse("sync", "dirsync", "remount").set,
    ms.MS_SYNCHRONOUS | ms.MS_DIRSYNC | ms.MS_REMOUNT,
  );
});

Deno.test("options: propagation is kept apart, each change on its own", () => {
  const parsed = parse("bind", "rslave", "shared");
  assert.equal(parsed.set, ms.MS_BIND);
  assert.deepEqual(parsed.propagation, [ms.MS_SLAVE | ms.MS_REC, ms.MS_SHARED]);
});

Deno.test("options: defaults and what only mount(8) reads reach nobody", () => {
  assert.deepEqual(parse("defaults", "noauto", "nofail", "_netdev", "x-systemd.automount"), {
    set: 0,
    clear: 0,
    propagation: [],
    data: "",
  });
});

Deno.test("options: an option named like a member of every object is data", () => {
  assert.equal(parse("constructor").data, "constructor");
});
