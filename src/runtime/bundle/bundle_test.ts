// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { mount } from "../../linux/mount/mount.ts";
import { unmount } from "../../linux/mount/unmount.ts";
import { BUNDLE_FORMAT, type BundleRecord } from "../../oci/bundle_layout.ts";
import { FailedPreconditionError } from "../../rpc/errors.ts";
import { Bundle, removeBundleDir } from "./bundle.ts";

const record: BundleRecord = {
  format: BUNDLE_FORMAT,
  id: "c",
  instance: "i",
  runtime: "runc",
  runtimeRoot: "/nowhere",
  stdio: { stdin: "", stdout: "", stderr: "", terminal: false },
  rootfs: [],
  noPivot: false,
  labels: {},
  createdAt: "2026-01-01T00:00:00.000Z",
};

Deno.test("Bundle: a bundle is read back as it was made, private to root", () => {
  using temp = new TempDir();
  const dir = temp.path;
  const made = Bundle.create(`${dir}/c`, record, { ociVersion: "1.0.2" });
  assert.deepEqual(Bundle.read(`${dir}/c`)?.record, record);
  assert.equal((Deno.statSync(`${dir}/c`).mode ?? 0) & 0o777, 0o700);
  made.remove();
  assert.equal(Bundle.read(`${dir}/c`), undefined);
  assert.deepEqual([...Deno.readDirSync(dir)], []);
});

Deno.test("Bundle: a bundle that is there already is refused and left alone", () => {
  using temp = new TempDir();
  const dir = temp.path;
  Bundle.create(`${dir}/c`, record, {});
  Deno.writeTextFileSync(`${dir}/c/more`, "");
  assert.throws(() => Bundle.create(`${dir}/c`, record, {}), FailedPreconditionError);
  assert.equal(Deno.readTextFileSync(`${dir}/c/more`), "");
});

Deno.test("Bundle: a directory that never became a bundle, and could not be removed, is made anew", () => {
  using temp = new TempDir();
  const dir = temp.path;
  Deno.mkdirSync(`${dir}/c/rootfs`, { recursive: true });
  Deno.writeTextFileSync(`${dir}/c/config.json`, "{");
  Bundle.create(`${dir}/c`, record, { ociVersion: "1.0.2" });
  assert.deepEqual(Bundle.read(`${dir}/c`)?.record, record);
  assert.equal(Deno.readTextFileSync(`${dir}/c/config.json`), '{"ociVersion":"1.0.2"}');
});

Deno.test("Bundle: a bundle of another format is refused", () => {
  using temp = new TempDir();
  const dir = temp.path;
  Bundle.create(`${dir}/c`, { ...record, format: 99 }, {});
  assert.throws(() => Bundle.read(`${dir}/c`), FailedPreconditionError);
});

Deno.test("Bundle: an exit record of an earlier container of the same id does not count", () => {
  using temp = new TempDir();
  const dir = temp.path;
  const bundle = Bundle.create(`${dir}/c`, record, {});
  const exit = { instance: "other", pid: 1, exitStatus: 0, exitedAt: record.createdAt };
  Deno.writeTextFileSync(bundle.paths.exitRecord, JSON.stringify(exit));
  assert.equal(bundle.exitRecord(), undefined);
});

Deno.test("removeBundleDir: a bundle is never removed through a mount: it is unmounted first, or kept if busy", () => {
  using temp = new TempDir();
  const dir = temp.path;
  const source = `${dir}/source`;
  Deno.mkdirSync(source);
  Deno.writeTextFileSync(`${source}/precious`, "kept");
  const bundle = Bundle.create(`${dir}/c`, record, {});
  mount({ type: "bind", source, target: bundle.paths.rootfs, options: ["bind"] });
  const busy = Deno.openSync(`${bundle.paths.rootfs}/precious`);
  assert.throws(() => removeBundleDir(bundle.paths.dir), /EBUSY/);
  assert.equal(Deno.readTextFileSync(`${source}/precious`), "kept");
  busy.close();
  mount({ type: "tmpfs", source: "tmpfs", target: bundle.paths.rootfs });
  removeBundleDir(bundle.paths.dir);
  assert.equal(Deno.readTextFileSync(`${source}/precious`), "kept");
  assert.throws(() => unmount(bundle.paths.rootfs));
});
