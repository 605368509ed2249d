// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { DEFAULT_CAPABILITIES } from "../spec/capabilities.ts";
import data from "./default_profile.json" with { type: "json" };
import { SECCOMP_PROFILE } from "./default_profile.ts";
import { convertProfile, type SeccompTarget } from "./profile.ts";

const target: SeccompTarget = {
  capabilities: DEFAULT_CAPABILITIES,
  arch: "x86_64",
  kernel: "6.12.3-1-amd64",
  subArchitectures: false,
};

/** What the profile does with a call whatever its arguments: an action, or undefined. */
function actionOf(name: string, change: Partial<SeccompTarget> = {}): string | undefined {
  const { syscalls } = convertProfile(SECCOMP_PROFILE, { ...target, ...change });
  const rules = syscalls.filter(({ names, args }) => names.includes(name) && args === undefined);
  assert.ok(rules.length <= 1, `${name} has one rule`);
  return rules[0]?.action;
}

Deno.test("convertProfile: the profile says which release it is of, and refuses with EPERM what it does not name", () => {
  assert.match(data.release, /^moby\/profiles seccomp\/v\d+\.\d+\.\d+$/);
  const { defaultAction, defaultErrnoRet, architectures } = convertProfile(SECCOMP_PROFILE, target);
  assert.deepEqual({ defaultAction, defaultErrnoRet, architectures }, {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: 1,
    architectures: ["SCMP_ARCH_X86_64"],
  });
  assert.equal(actionOf("keyctl"), undefined);
  assert.equal(actionOf("read"), "SCMP_ACT_ALLOW");
});

Deno.test("convertProfile: rules follow the container's capabilities", () => {
  const admin = { capabilities: [...DEFAULT_CAPABILITIES, "CAP_SYS_ADMIN"] };
  assert.equal(actionOf("mount"), undefined);
  assert.equal(actionOf("mount", admin), "SCMP_ACT_ALLOW");
  assert.equal(actionOf("clone3"), "SCMP_ACT_ERRNO");
  assert.equal(actionOf("clone3", admin), "SCMP_ACT_ALLOW");
  assert.equal(actionOf("chroot"), "SCMP_ACT_ALLOW");
  assert.equal(actionOf("chroot", { capabilities: [] }), undefined);
});

Deno.test("convertProfile: rules follow the machine's architecture and kernel", () => {
  assert.equal(actionOf("arch_prctl"), "SCMP_ACT_ALLOW");
  assert.equal(actionOf("arch_prctl", { arch: "aarch64" }), undefined);
  assert.equal(actionOf("sync_file_range2", { arch: "aarch64" }), "SCMP_ACT_ALLOW");
  assert.equal(actionOf("ptrace", { kernel: "4.8.0" }), "SCMP_ACT_ALLOW");
  assert.equal(actionOf("ptrace", { kernel: "4.7" }), undefined);
  assert.equal(actionOf("ptrace", { kernel: "3.10.0-1160.el7" }), undefined);
});

Deno.test("convertProfile: sub-architectures are filtered where that is asked", () => {
  const { architectures } = convertProfile(SECCOMP_PROFILE, { ...target, subArchitectures: true });
  assert.deepEqual(architectures, ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]);
});

Deno.test("convertProfile: calls that only 32-bit programs have are left out where no such program may run", () => {
  for (const name of ["chown32", "clock_gettime64", "socketcall", "_llseek", "stat64"]) {
    assert.equal(actionOf(name), undefined, name);
    assert.equal(actionOf(name, { subArchitectures: true }), "SCMP_ACT_ALLOW", name);
  }
  const natives = [
    "chown",
    "clock_gettime",
    "fadvise64",
    "sendto",
    "recvfrom",
    "pread64",
    "getdents64",
  ];
  for (const name of natives) assert.equal(actionOf(name), "SCMP_ACT_ALLOW", name);
});

Deno.test("convertProfile: calls without conditions on arguments become one rule for each action, none is lost", () => {
  const { syscalls } = convertProfile(SECCOMP_PROFILE, { ...target, subArchitectures: true });
  const simple = syscalls.filter(({ args }) => args === undefined);
  const key = ({ action, errnoRet }: { action: string; errnoRet?: number }) =>
    `${action} ${errnoRet}`;
  assert.equal(new Set(simple.map(key)).size, simple.length);
  const given = SECCOMP_PROFILE.syscalls.filter(({ args, includes, excludes }) =>
    args == null && includes === undefined && excludes === undefined
  ).flatMap(({ names = [] }) => names);
  const kept = new Set(simple.flatMap(({ names }) => names));
  assert.deepEqual(given.filter((name) => !kept.has(name)), []);
  const socket = syscalls.filter(({ names }) => names.includes("socket"));
  assert.deepEqual(socket.map(({ args }) => args?.[0]?.op), [
    "SCMP_CMP_LT",
    "SCMP_CMP_EQ",
    "SCMP_CMP_GT",
  ]);
});

Deno.test("convertProfile: names come by number, the highest first, which libseccomp inserts fastest", () => {
  const [first] = convertProfile(SECCOMP_PROFILE, target).syscalls;
  const some = ["openat2", "statx", "getrandom", "epoll_create1", "futex", "uname", "brk", "read"];
  const places = some.map((name) => first?.names.indexOf(name) ?? -1);
  assert.deepEqual(places, places.toSorted((a, b) => a - b));
});
