// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { parseMount } from "./mount_keys.ts";
import { parseTmpfs, parseVolume } from "./volume.ts";

Deno.test("parseMount: a mount is taken in berth's and in docker's words", () => {
  const mount = {
    type: "bind",
    source: "/a",
    destination: "/b",
    options: ["rbind", "ro", "nosuid", "rro", "rprivate"],
  };
  assert.deepEqual(parseMount("type=bind,src=/a,dst=/b,options=ro:nosuid"), mount);
  assert.deepEqual(parseMount("source=/a,target=/b,readonly,options=nosuid"), mount);
  assert.deepEqual(parseMount("type=tmpfs,dst=/tmp,options=size=1m"), {
    type: "tmpfs",
    source: "tmpfs",
    destination: "/tmp",
    options: ["nosuid", "nodev", "noexec", "size=1m"],
  });
  assert.deepEqual(parseMount("src=/a,dst=/b,options=bind").options, ["bind", "rprivate"]);
});

Deno.test("parseMount: values of a mount's keys are read as docker reads them", () => {
  const options = (text: string) => parseMount(`type=bind,src=/a,dst=/b,${text}`).options;
  for (const yes of ["ro", "readonly", "ro=1", "readonly=true", "ro=T", "READONLY=TRUE"]) {
    assert.deepEqual(options(yes), ["rbind", "ro", "rro", "rprivate"], yes);
  }
  for (const no of ["ro=0", "readonly=false", "ro=F"]) {
    assert.deepEqual(options(no), ["rbind", "rprivate"], no);
  }
  assert.deepEqual(options("bind-propagation=rslave"), ["rbind", "rslave"]);
  assert.deepEqual(options("bind-nonrecursive"), ["bind", "rprivate"]);
  assert.deepEqual(options("bind-recursive=disabled"), ["bind", "rprivate"]);
  for (
    const [given, read] of [
      ["bind-recursive=enabled", ["rbind", "rprivate"]],
      ["ro,bind-recursive=enabled", ["rbind", "ro", "rro", "rprivate"]],
      ["ro,bind-recursive=disabled", ["bind", "ro", "rprivate"]],
      ["ro,bind-recursive=writable", ["rbind", "ro", "rprivate"]],
      ["ro,bind-recursive=readonly", ["rbind", "rro", "rprivate"]],
      ["options=ro:rw", ["rbind", "ro", "rw", "rprivate"]],
      ["options=rro", ["rbind", "rro", "rprivate"]],
    ] as const
  ) assert.deepEqual(options(given), read, given);
  assert.deepEqual(
    parseMount("type=tmpfs,dst=/t,tmpfs-size=10m,tmpfs-mode=1770,options=exec").options,
    ["nosuid", "nodev", "size=10485760", "mode=1770", "exec"],
  );
});

Deno.test("parseMount: what docker's mounts have and berth does not is refused with what to do", () => {
  for (
    const [text, message] of [
      ["type=volume,src=data,dst=/b", /no named volumes.*\.\/data/],
      ["type=bind,src=/a,dst=/b,volume-nocopy", /no volumes but anonymous/],
      ["type=bind,src=/a,dst=/b,tmpfs-size=1m", /goes with type=tmpfs/],
      ["type=tmpfs,dst=/b,bind-propagation=slave", /goes with type=bind/],
      ["type=bind,src=/a,dst=/b,ro=maybe", /must be true or false/],
      ["type=bind,src=/a,dst=/b,bind-propagation=x", /must be one of/],
      ["type=bind,src=/a,dst=/b,bind-recursive=x", /enabled, disabled, writable, readonly$/],
      ["type=bind,src=/a,dst=/b,bind-recursive=writable", /writable needs readonly$/],
      ["type=bind,src=/a,dst=/b,bind-recursive=readonly", /readonly needs readonly$/],
      ["type=bind,src=/a,dst=/b,ro,options=bind,bind-recursive=readonly", /options=bind exclude/],
      ["type=bind,src=/a,dst=/b,ro,options=rw,bind-recursive=readonly", /options=rw exclude/],
      ["type=bind,src=/a,dst=/b,ro,options=rrw,bind-recursive=readonly", /options=rrw exclude/],
      ["type=bind,src=/a,dst=/b,options=ro:rrw", /ro and rrw exclude each other$/],
      ["type=bind,src=/a,dst=/b,options=rrw:rro", /rro and rrw exclude each other$/],
      [
        "type=bind,src=/a,dst=/b,ro,bind-recursive=readonly,bind-propagation=rslave",
        /readonly needs bind-propagation=rprivate$/,
      ],
      ["type=bind,src,dst=/b", /needs a value/],
      ["type=tmpfs,dst=/b,tmpfs-size=-1", /expected bytes/],
      ["type=tmpfs,dst=/b,tmpfs-mode=9", /octal/],
    ] as const
  ) assert.throws(() => parseMount(text), message, text);
});

Deno.test("parseMount: what has no type is what docker takes it for, or a path", () => {
  assert.equal(parseMount("dst=/b").type, "volume");
  assert.equal(parseMount("src=./a,dst=/b").type, "bind");
  assert.throws(() => parseMount("src=data,dst=/b"), /no named volumes.*\.\/data/);
});

Deno.test("parseVolume: docker's options without a meaning here are taken", () => {
  for (const options of ["z", "rw,Z", "cached", "delegated,z", "consistent"]) {
    assert.deepEqual(parseVolume(`/a:/b:${options}`).options, ["rbind", "rprivate"], options);
  }
  assert.deepEqual(parseVolume("/a:/b:ro,z").options, ["rbind", "ro", "rro", "rprivate"]);
});

Deno.test("mounts: nothing is mounted on the root of the container", () => {
  for (const root of ["/", "//", "/.", "/a/.."]) {
    assert.throws(() => parseVolume(`/a:${root}`), /root of the container/, root);
    assert.throws(() => parseVolume(root), /root of the container/, root);
    assert.throws(() => parseTmpfs(root), /root of the container/, root);
    assert.throws(() => parseMount(`type=tmpfs,dst=${root}`), /root of the container/, root);
  }
});

Deno.test("parseTmpfs: a tmpfs has docker's flags unless they are taken back", () => {
  assert.deepEqual(parseTmpfs("/run").options, ["nosuid", "nodev", "noexec"]);
  assert.deepEqual(parseTmpfs("/run:exec,size=1m").options, ["nosuid", "nodev", "exec", "size=1m"]);
  for (const bad of ["run", "/run:bogus", "/run:a:b"]) assert.throws(() => parseTmpfs(bad), bad);
});

Deno.test("parseVolume: a name is no source of a bind mount", () => {
  for (const name of ["data", ".data", "~/data"]) {
    assert.throws(() => parseVolume(`${name}:/x`), /no named volumes.*\.\//, name);
  }
  assert.equal(parseVolume("./data:/x").source, `${Deno.cwd()}/data`);
  assert.equal(parseVolume("..:/x").source, `${Deno.cwd()}/..`);
});

Deno.test("parseMount: a mount that cannot be meant is refused", () => {
  for (const bad of ["type=bind,dst=/b", "type=bind,src=/a", "src=/a,dst=b", "src=/a,dst=/b,x=1"]) {
    assert.throws(() => parseMount(bad), bad);
  }
});

Deno.test("parseVolume: a volume is a bind mount", () => {
  const options = ["rbind", "ro", "rro", "rprivate"];
  assert.deepEqual(parseVolume("/a:/b:ro"), {
    type: "bind",
    source: "/a",
    destination: "/b",
    options,
  });
  assert.deepEqual(parseVolume("/a:/b").options, ["rbind", "rprivate"]);
  for (const bad of ["a", "/a:b", "/a:ro", ":/b", "/a:/b:ro:x"]) {
    assert.throws(() => parseVolume(bad), bad);
  }
});

Deno.test("parseVolume: a path alone is an anonymous volume, as is type=volume without a source", () => {
  const volume = {
    type: "volume",
    source: "",
    destination: "/data",
    options: ["rbind", "rprivate"],
  };
  assert.deepEqual(parseVolume("/data"), volume);
  assert.deepEqual(parseMount("type=volume,target=/data"), volume);
  assert.deepEqual(parseMount("type=volume,src=,dst=/data,ro"), {
    ...volume,
    options: ["rbind", "ro", "rro", "rprivate"],
  });
});

Deno.test("parseMount: an option that no mount knows is refused, not ignored", () => {
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
