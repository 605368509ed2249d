// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { validateExecProcess, validateSpec } from "./spec.ts";

const good = {
  ociVersion: "1.0.2",
  root: { path: "rootfs" },
  process: { args: ["sh"], cwd: "/" },
};

const paths = (value: unknown) => validateSpec(value).map((issue) => issue.path);

Deno.test("validateSpec: the least spec passes, and so do members that berth does not know", () => {
  assert.deepEqual(validateSpec(good), []);
  assert.deepEqual(
    validateSpec({ ...good, vm: {}, linux: { intelRdt: {}, resources: { unified: { a: "b" } } } }),
    [],
  );
});

Deno.test("validateSpec: the spec that runc itself makes passes", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  const { code } = await new Deno.Command("runc", { args: ["spec", "--bundle", dir] }).output();
  assert.equal(code, 0);
  assert.deepEqual(validateSpec(JSON.parse(Deno.readTextFileSync(`${dir}/config.json`))), []);
});

Deno.test("validateSpec: null stands for an absent optional member, as Go writes it", () => {
  const process = { ...good.process, env: null, rlimits: null, capabilities: null };
  assert.deepEqual(validateSpec({ ...good, process, mounts: null, linux: null }), []);
});

Deno.test("validateSpec: what OCI requires is asked for by its path", () => {
  assert.deepEqual(paths({}), ["ociVersion", "process", "root"]);
  assert.deepEqual(paths({ ...good, process: {} }), ["process.args", "process.cwd"]);
  assert.deepEqual(paths({ ...good, process: { args: [], cwd: "x" } }), [
    "process.args",
    "process.cwd",
  ]);
  assert.deepEqual(paths({ ...good, root: {} }), ["root.path"]);
  assert.deepEqual(paths({ ...good, ociVersion: "one" }), ["ociVersion"]);
  assert.deepEqual(paths("spec"), [""]);
  assert.deepEqual(paths([]), [""]);
});

Deno.test("validateSpec: the root may be left out over rootfs mounts", () => {
  const { root: _root, ...rest } = good;
  assert.deepEqual(validateSpec(rest, { rootfsMounted: true }), []);
  assert.deepEqual(
    validateSpec({ ...rest, root: { readonly: true } }, { rootfsMounted: true }),
    [],
  );
});

Deno.test("validateSpec: a wrong type deep inside is named by its path", () => {
  assert.deepEqual(paths({ ...good, mounts: [{ destination: "/a" }, { destination: 1 }] }), [
    "mounts.1.destination",
  ]);
  assert.deepEqual(paths({ ...good, process: { ...good.process, args: ["a", 1] } }), [
    "process.args.1",
  ]);
  assert.deepEqual(
    paths({ ...good, process: { ...good.process, user: { uid: -1 } } }),
    ["process.user.uid"],
  );
});

Deno.test("validateExecProcess: an exec's process needs its args only", () => {
  assert.deepEqual(validateExecProcess({ args: ["ls"] }), []);
  assert.deepEqual(
    validateExecProcess({ args: ["ls"], cwd: "bin", env: "A=1" }).map((issue) => issue.path),
    ["cwd", "env"],
  );
});

Deno.test("validateSpec: a spec of 400,000 wrong values names a few of them only", () => {
  const numbers = Array(400_000).fill(1);
  for (
    const bad of [
      { process: { ...good.process, args: numbers } },
      { process: { ...good.process, env: Array(400_000).fill("\0") } },
      { mounts: numbers },
      { mounts: [{ destination: "/", options: numbers }] },
      { annotations: { ...numbers.slice(0, 10_000) } },
      { linux: { namespaces: numbers, maskedPaths: numbers } },
    ]
  ) {
    const { length } = validateSpec({ ...good, ...bad });
    assert(length > 0 && length < 100, `${length} issues`);
  }
});
