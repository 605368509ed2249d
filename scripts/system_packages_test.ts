// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { isStaticExecutable } from "./build/elf.ts";
import { ensurePackages, findCommand } from "./system_packages.ts";
import type { System } from "./system_packages.ts";

interface Fake extends System {
  readonly calls: string[];
  readonly said: string[];
}

function fake(present: Record<string, string>, options: Partial<System> = {}): Fake {
  const calls: string[] = [];
  const said: string[] = [];
  return {
    calls,
    said,
    find: (command) => present[command],
    isStatic: () => true,
    isRoot: () => true,
    run: (argv) => {
      calls.push(argv.join(" "));
      if (argv.includes("install")) Object.assign(present, { runc: "/r", busybox: "/b" });
      return Promise.resolve(0);
    },
    say: (line) => said.push(line),
    ...options,
  };
}

Deno.test("ensurePackages: nothing is run when every command is there", async () => {
  const system = fake({ runc: "/usr/sbin/runc", busybox: "/bin/busybox" });
  await ensurePackages(["runc", "busybox-static"], system);
  assert.deepEqual(system.calls, []);
  assert.deepEqual(system.said, []);
});

Deno.test("ensurePackages: what is missing is named, then installed by name after an update", async () => {
  const system = fake({ "apt-get": "/usr/bin/apt-get", busybox: "/bin/busybox" });
  await ensurePackages(["runc", "busybox-static"], system);
  assert.match(system.said.join("\n"), /Not found.*runc/);
  assert.equal(system.calls[0], "apt-get -q update");
  assert.match(system.calls[1] ?? "", /install -y runc$/);
});

Deno.test("ensurePackages: a dynamically linked busybox does not count as busybox-static", async () => {
  let linked = true;
  const system = fake({ "apt-get": "/usr/bin/apt-get", busybox: "/bin/busybox" }, {
    isStatic: () => !linked,
    run: () => {
      linked = false;
      return Promise.resolve(0);
    },
  });
  await ensurePackages(["busybox-static"], system);
  assert.match(system.said.join("\n"), /busybox-static/);
});

Deno.test("ensurePackages: without root the error names the packages and nothing is run", async () => {
  const system = fake({ "apt-get": "/usr/bin/apt-get" }, { isRoot: () => false });
  await assert.rejects(ensurePackages(["runc", "crun"], system), /not found: runc crun/);
  assert.deepEqual(system.calls, []);
});

Deno.test("ensurePackages: without apt-get the error names the packages", async () => {
  await assert.rejects(ensurePackages(["runc"], fake({})), /not found: runc/);
});

Deno.test("ensurePackages: a failing apt-get is reported with its exit code", async () => {
  const system = fake({ "apt-get": "/usr/bin/apt-get" }, { run: () => Promise.resolve(100) });
  await assert.rejects(ensurePackages(["runc"], system), /apt-get -q update ended with 100/);
});

Deno.test("findCommand: static and dynamic executables are told apart", () => {
  const shell = findCommand("bash");
  assert.ok(shell !== undefined);
  assert.equal(isStaticExecutable(shell), false);
  assert.equal(isStaticExecutable(new URL(import.meta.url).pathname), false);
  const busybox = findCommand("busybox");
  assert.ok(busybox !== undefined, "busybox-static is needed: deno task test installs it");
  assert.equal(isStaticExecutable(busybox), true);
});
