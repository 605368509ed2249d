// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { InvalidParamsError } from "../../rpc/errors.ts";
import { changeCapabilities, DEFAULT_CAPABILITIES, knownCapabilities } from "./capabilities.ts";
import { resolveSecurity } from "./security.ts";

Deno.test("security: capabilities are added and dropped as docker does it", () => {
  assert.deepEqual(changeCapabilities({}), DEFAULT_CAPABILITIES);
  assert.deepEqual(changeCapabilities({ drop: ["all"] }), []);
  assert.deepEqual(changeCapabilities({ drop: ["ALL"], add: ["net_admin"] }), ["CAP_NET_ADMIN"]);
  assert.deepEqual(
    changeCapabilities({ add: ["ALL"], drop: ["CAP_SYS_ADMIN"] }),
    knownCapabilities().filter((name) => name !== "CAP_SYS_ADMIN"),
  );
  const changed = changeCapabilities({ add: ["SYS_TIME", "cap_sys_time"], drop: ["mknod"] });
  assert.deepEqual(changed, [
    ...DEFAULT_CAPABILITIES.filter((name) => name !== "CAP_MKNOD"),
    "CAP_SYS_TIME",
  ]);
  assert.throws(() => changeCapabilities({ add: ["SYS_ADMINS"] }), InvalidParamsError);
  assert.throws(() => changeCapabilities({ drop: [""] }), InvalidParamsError);
});

Deno.test("resolveSecurity: the default is restricted, and privileged is not", () => {
  const usual = resolveSecurity();
  assert.equal(usual.noNewPrivileges, true);
  assert.ok(usual.seccomp !== undefined);
  assert.ok(usual.maskedPaths.includes("/proc/kcore"));
  const privileged = resolveSecurity({ privileged: true });
  assert.deepEqual(privileged, {
    privileged: true,
    capabilities: knownCapabilities(),
    noNewPrivileges: false,
    maskedPaths: [],
    readonlyPaths: [],
  });
});

Deno.test("resolveSecurity: the config's defaults hold where nothing else is said", () => {
  const defaults = { seccomp: "unconfined", apparmor: "berth-default" };
  const resolve = (...securityOpts: string[]) =>
    resolveSecurity({ securityOpts, defaults, apparmorEnabled: true });
  assert.equal(resolve().seccomp, undefined);
  assert.equal(resolve().apparmorProfile, "berth-default");
  assert.deepEqual(resolve("seccomp=default").seccomp, resolveSecurity().seccomp);
  assert.equal(resolve("apparmor=unconfined").apparmorProfile, "unconfined");
  const privileged = resolveSecurity({
    privileged: true,
    defaults: { ...defaults, seccomp: "/x" },
  });
  assert.deepEqual([privileged.seccomp, privileged.apparmorProfile], [undefined, undefined]);
  assert.throws(
    () => resolveSecurity({ defaults: { seccomp: "/no/file" } }),
    /\/no\/file: no such/,
  );
});

Deno.test("resolveSecurity: without AppArmor in the kernel unconfined sets no profile, and another is refused", () => {
  const resolve = (profile: string) =>
    resolveSecurity({ securityOpts: [`apparmor=${profile}`], apparmorEnabled: false });
  assert.equal(resolve("unconfined").apparmorProfile, undefined);
  assert.throws(() => resolve("docker-default"), /"apparmor=docker-default": .* AppArmor off$/);
});

Deno.test("security options are read as docker and podman have them", () => {
  const security = (...securityOpts: string[]) =>
    resolveSecurity({ securityOpts, apparmorEnabled: true });
  assert.equal(security("no-new-privileges=false").noNewPrivileges, false);
  assert.equal(security("no-new-privileges:false", "no-new-privileges").noNewPrivileges, true);
  assert.equal(security("seccomp=unconfined").seccomp, undefined);
  assert.equal(
    security("seccomp=builtin").seccomp?.architectures.length,
    Deno.build.arch === "x86_64" ? 3 : 2,
  );
  assert.equal(security("apparmor=docker-default").apparmorProfile, "docker-default");
  assert.deepEqual(security("systempaths=unconfined").maskedPaths, []);
  assert.deepEqual(security("systempaths=unconfined").readonlyPaths, []);
  assert.deepEqual(security("mask=/a:/b").maskedPaths.slice(-2), ["/a", "/b"]);
  assert.ok(!security("unmask=/proc/kcore").maskedPaths.includes("/proc/kcore"));
  assert.deepEqual(security("unmask=ALL").readonlyPaths, []);
  assert.equal(security("label=type:spc_t").selinuxLabel, "system_u:system_r:spc_t:s0");
  assert.equal(security("label=type:spc_t", "label=disable").selinuxLabel, undefined);
  for (const wrong of ["", "seccomp=", "no-new-privileges=maybe", "mask=a", "label=x", "other=1"]) {
    assert.throws(() => security(wrong), InvalidParamsError, wrong);
  }
  assert.throws(() => security("seccomp=/no/such/file"), /\/no\/such\/file: no such file/);
});
