// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { writeScript } from "../../../tests/harness/stand_in.ts";
import { TempDir } from "../../../tests/harness/temp_dir.ts";
import { cgroupHierarchies } from "../../linux/cgroup/find.ts";
import { parseMountInfo } from "../../linux/mount/mountinfo.ts";
import { Reaper } from "../../linux/process/reaper.ts";
import type { Spawn } from "../../oci/driver/spawn.ts";
import { ShimScope } from "./shim_scope.ts";

const V2 = cgroupHierarchies(parseMountInfo(
  "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate",
));

/** A scope whose systemd is a script: it gets the arguments of busctl, and makes the cgroup `dir`. */
async function withScope(
  script: string,
  body: (scope: ShimScope, root: string) => Promise<void>,
  options: { pause?: number } = {},
): Promise<void> {
  using temp = new TempDir();
  const root = temp.path;
  const dir = `${root}/berth-shims.scope`;
  const busctl = writeScript(`${root}/busctl`, `cd ${root}\n${script}`);
  await using reaper = Reaper.start({ subreaper: true });
  const spawn: Spawn = (argv, options) => reaper.spawn(argv, options);
  await body(new ShimScope({ spawn, busctl, dir, ...options }), root);
}

Deno.test("ShimScope: systemd is asked once, and later shims join the scope that is there", () =>
  withScope(
    'echo "$@" >> asked; mkdir -p berth-shims.scope; : > berth-shims.scope/cgroup.procs',
    async (scope, root) => {
      await Promise.all([scope.place(41), scope.place(42)]);
      const asked = await Deno.readTextFile(`${root}/asked`);
      assert.match(
        asked,
        /^call .* StartTransientUnit \S+ berth-shims.scope fail 7 .* PIDs au 1 41 0\n$/,
      );
      assert.equal(await Deno.readTextFile(`${root}/berth-shims.scope/cgroup.procs`), "42");
      // The last shim has ended, and systemd has removed the scope.
      await Deno.remove(`${root}/berth-shims.scope`, { recursive: true });
      await scope.place(43);
      assert.match(await Deno.readTextFile(`${root}/asked`), /PIDs au 1 43 0\n$/);
    },
  ));

Deno.test("ShimScope: a systemd that refuses is not asked for the next, unless it was for a dead shim", () =>
  withScope("echo x >> asked; echo no such property >&2; exit 1", async (scope, root) => {
    // Above the most that pid_max may be (proc_sys_kernel(5)).
    await scope.place(2 ** 22 + 1);
    await scope.place(Deno.pid);
    await scope.place(Deno.pid);
    assert.equal(await Deno.readTextFile(`${root}/asked`), "x\nx\n");
  }));

Deno.test("ShimScope: a systemd that has refused is asked again after a pause", () =>
  withScope(
    `echo x >> asked
    [ "$(wc -l < asked)" = 1 ] && exit 1
    mkdir berth-shims.scope; : > berth-shims.scope/cgroup.procs`,
    async (scope, root) => {
      await scope.place(Deno.pid);
      await scope.place(Deno.pid);
      assert.equal(await Deno.readTextFile(`${root}/asked`), "x\nx\n");
      await scope.place(42);
      assert.equal(await Deno.readTextFile(`${root}/berth-shims.scope/cgroup.procs`), "42");
    },
    { pause: 0 },
  ));

Deno.test("ShimScope: a scope that is made late is waited for, and one that was made meanwhile joined", () =>
  withScope(
    `echo x >> asked
    [ "$(wc -l < asked)" = 1 ] || exit 1
    (sleep 0.2; mkdir berth-shims.scope; : > berth-shims.scope/cgroup.procs) &`,
    async (scope, root) => {
      await scope.place(41);
      await scope.place(42);
      assert.equal(await Deno.readTextFile(`${root}/asked`), "x\n");
      assert.equal(await Deno.readTextFile(`${root}/berth-shims.scope/cgroup.procs`), "42");
    },
  ));

Deno.test("ShimScope.find: a service or a login session below a systemd with cgroup v2 alone has a scope", () => {
  using temp = new TempDir();
  const root = temp.path;
  const spawn = () => assert.fail("nothing is started");
  const find = (membership: string, hierarchies = V2, systemd = root) => {
    Deno.writeTextFileSync(`${root}/cgroup`, `${membership}\n`);
    return ShimScope.find(spawn, `${root}/cgroup`, hierarchies, systemd);
  };
  assert.ok(find("0::/system.slice/berth.service"));
  assert.ok(find("0::/user.slice/user-0.slice/session-1.scope"));
  assert.ok(find("0::/user.slice/user-1000.slice/user@1000.service/app.slice/vte.scope"));
  assert.equal(find("0::/init.scope"), undefined);
  assert.equal(find("0::/berth-0123456789ab/x"), undefined);
  assert.equal(find("0::/system.slice/berth.service", V2, `${root}/none`), undefined);
  assert.equal(find("0::/system.slice/berth.service", []), undefined);
});
