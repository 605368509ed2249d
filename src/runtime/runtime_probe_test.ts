// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { until } from "../../tests/harness/poll.ts";
import { writeScript } from "../../tests/harness/stand_in.ts";
import { TempDir } from "../../tests/harness/temp_dir.ts";
import { findCommand } from "../../scripts/system_packages.ts";
import { Reaper } from "../linux/process/reaper.ts";
import { RuntimeProbe } from "./runtime_probe.ts";
import { testNeeding } from "../../scripts/test_needing.ts";

async function withRuntimes(
  test: (runtimes: RuntimeProbe, dir: string) => Promise<void>,
): Promise<void> {
  using temp = new TempDir();
  const dir = temp.path;
  using reaper = Reaper.start({ reapAll: false });
  await test(new RuntimeProbe((argv, options) => reaper.spawn(argv, options)), dir);
}

async function versionOf(runtimes: RuntimeProbe, command: string): Promise<string> {
  return await until(`the version of ${command}`, () => {
    runtimes.probe(command);
    return runtimes.version(command);
  });
}

function runcPath(): string {
  const path = findCommand("runc");
  if (path === undefined) throw new Error("runc is missing; deno task test installs it");
  return path;
}

/** Puts a file in the place of `path`, as an upgrade does. */
function replace(path: string, write: (draft: string) => void): void {
  write(`${path}.draft`);
  Deno.renameSync(`${path}.draft`, path);
}

Deno.test("RuntimeProbe: runc is known as runc once it has told its version, by its name and by its path", () =>
  withRuntimes(async (runtimes) => {
    const path = runcPath();
    assert.equal(runtimes.isRunc("runc"), false);
    assert.match(await versionOf(runtimes, "runc"), /^\d+\.\d+/);
    assert.equal(runtimes.isRunc("runc"), true);
    await versionOf(runtimes, path);
    assert.equal(runtimes.isRunc(path), true);
  }));

testNeeding(
  ["crun"],
  "RuntimeProbe: another runtime, or a script around runc, is not runc",
  () =>
    withRuntimes(async (runtimes, dir) => {
      await versionOf(runtimes, "crun");
      assert.equal(runtimes.isRunc("crun"), false);
      const script = `${dir}/runc`;
      replace(script, (draft) => writeScript(draft, 'exec runc "$@"'));
      assert.match(await versionOf(runtimes, script), /^\d+\.\d+/);
      assert.equal(runtimes.isRunc(script), false);
    }),
);

Deno.test("RuntimeProbe: a file that was replaced is asked again", () =>
  withRuntimes(async (runtimes, dir) => {
    const path = `${dir}/runc`;
    replace(path, (draft) => Deno.copyFileSync(runcPath(), draft));
    await versionOf(runtimes, path);
    assert.equal(runtimes.isRunc(path), true);
    replace(path, (draft) => writeScript(draft, "echo other version 7"));
    assert.equal(runtimes.isRunc(path), false);
    assert.equal(await versionOf(runtimes, path), "7");
    assert.equal(runtimes.isRunc(path), false);
  }));

Deno.test("RuntimeProbe: one that is not there is not known, until it is there", () =>
  withRuntimes(async (runtimes, dir) => {
    const path = `${dir}/runc`;
    runtimes.probe(path);
    assert.equal(runtimes.version(path), undefined);
    assert.equal(runtimes.isRunc(path), false);
    replace(path, (draft) => writeScript(draft, "echo late version 1"));
    assert.equal(await versionOf(runtimes, path), "1");
  }));
