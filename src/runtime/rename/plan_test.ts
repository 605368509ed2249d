// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { BUNDLE_FORMAT, type BundleRecord } from "../../oci/bundle_layout.ts";
import { NO_PROGRESS } from "../definitions/service_record.ts";
import { planRename } from "./plan.ts";

const ROOT = "/var/lib/berth";
const BUNDLES = "/run/berth/linux";

const RECORD: BundleRecord = {
  format: BUNDLE_FORMAT,
  id: "web",
  instance: "i",
  runtime: "runc",
  runtimeRoot: "/run/berth/oci",
  stdio: { stdin: `${ROOT}/io/web/a/stdin`, stdout: "", stderr: "", terminal: false },
  log: {
    driver: "cri",
    path: `${ROOT}/logs/web/container.log`,
    maxSize: 1,
    maxFile: 1,
    own: true,
  },
  rootfs: [{
    type: "overlay",
    source: "overlay",
    options: [
      `lowerdir=${ROOT}/images/web/x`,
      `upperdir=${ROOT}/overlay/web/b/upper`,
      `workdir=${ROOT}/overlay/web/b/work`,
    ],
  }],
  noPivot: false,
  labels: { "berth.overlay": `${ROOT}/overlay/web/b`, role: "web" },
  network: { name: "bridge", hostsFile: `${ROOT}/etc/web/c/hosts`, resolvFile: "/mine/web/resolv" },
  cgroupsPath: "/berth/web",
  createdAt: "2026-01-01T00:00:00.000Z",
};

const SPEC = {
  root: { path: `${BUNDLES}/web/rootfs` },
  process: { args: ["cat", `${ROOT}/logs/web/container.log`] },
  hostname: "web",
  mounts: [
    { destination: "/etc/hosts", type: "bind", source: `${ROOT}/etc/web/c/hosts` },
    { destination: "/data", type: "bind", source: `${ROOT}/volumes/web/d/0` },
    { destination: "/other", type: "bind", source: `${ROOT}/volumes/website/d/0` },
    { destination: "/proc", type: "proc", source: "proc" },
  ],
  annotations: { "org.criu.config": `${BUNDLES}/web/berth-criu.conf`, note: "web" },
  linux: { cgroupsPath: "/berth/web", namespaces: [] },
};

const EXIT = { instance: "i", pid: 7, exitStatus: 0, exitedAt: "2026-01-01T00:00:00.000Z" };

function plan(record: BundleRecord, spec: Record<string, unknown>) {
  const service = { policy: { policy: "no" }, started: true, progress: NO_PROGRESS } as const;
  return planRename({ spec, record, service }, {
    root: ROOT,
    bundles: BUNDLES,
    to: "old",
    exit: EXIT,
  });
}

Deno.test("planRename: what is named after the container follows, and nothing else", () => {
  const { definition, moves, exit } = plan(RECORD, SPEC);
  assert.deepEqual(exit, EXIT);
  assert.deepEqual(definition.record, {
    ...RECORD,
    id: "old",
    stdio: { stdin: `${ROOT}/io/old/a/stdin`, stdout: "", stderr: "", terminal: false },
    log: { ...RECORD.log, path: `${ROOT}/logs/old/container.log` },
    rootfs: [{
      type: "overlay",
      source: "overlay",
      options: [
        `lowerdir=${ROOT}/images/web/x`,
        `upperdir=${ROOT}/overlay/old/b/upper`,
        `workdir=${ROOT}/overlay/old/b/work`,
      ],
    }],
    labels: { "berth.overlay": `${ROOT}/overlay/old/b`, role: "web" },
    network: {
      name: "bridge",
      hostsFile: `${ROOT}/etc/old/c/hosts`,
      resolvFile: "/mine/web/resolv",
    },
    cgroupsPath: "/berth/old",
  });
  assert.deepEqual(definition.spec, {
    ...SPEC,
    root: { path: `${BUNDLES}/old/rootfs` },
    mounts: [
      { destination: "/etc/hosts", type: "bind", source: `${ROOT}/etc/old/c/hosts` },
      { destination: "/data", type: "bind", source: `${ROOT}/volumes/old/d/0` },
      { destination: "/other", type: "bind", source: `${ROOT}/volumes/website/d/0` },
      { destination: "/proc", type: "proc", source: "proc" },
    ],
    annotations: { "org.criu.config": `${BUNDLES}/old/berth-criu.conf`, note: "web" },
    linux: { cgroupsPath: "/berth/old", namespaces: [] },
  });
  assert.deepEqual(moves.toSorted((a, b) => a.from < b.from ? -1 : 1), [
    { from: `${ROOT}/etc/web/c`, to: `${ROOT}/etc/old/c` },
    { from: `${ROOT}/io/web/a`, to: `${ROOT}/io/old/a` },
    { from: `${ROOT}/logs/web`, to: `${ROOT}/logs/old` },
    { from: `${ROOT}/overlay/web/b`, to: `${ROOT}/overlay/old/b` },
    { from: `${ROOT}/volumes/web/d`, to: `${ROOT}/volumes/old/d` },
  ]);
});

Deno.test("planRename: a scope of systemd follows, a cgroup and paths of the user's own stay", () => {
  const { log: _, network: __, ...record } = RECORD;
  const own: BundleRecord = {
    ...record,
    stdio: { ...RECORD.stdio, stdin: "/tmp/web/stdin" },
    rootfs: [],
  };
  const scope = plan(own, { linux: { cgroupsPath: "system.slice:berth:web" } });
  assert.deepEqual(scope.definition.spec, { linux: { cgroupsPath: "system.slice:berth:old" } });
  assert.equal(scope.definition.record.cgroupsPath, "/system.slice/berth-old.scope");
  assert.equal(scope.definition.record.stdio.stdin, "/tmp/web/stdin");
  const mine = { root: { path: "/srv/web" }, linux: { cgroupsPath: "/mine" } };
  const stays = plan({ ...own, labels: {}, cgroupsPath: "/mine" }, mine);
  assert.deepEqual([stays.definition.spec, stays.moves], [mine, []]);
});

Deno.test("planRename: overlays whose options are several in one, with a root directory to be escaped", () => {
  const root = "/a:b";
  const overlay = {
    type: "overlay",
    source: "overlay",
    options: ["ro,upperdir=/a\\:b/overlay/web/x/u,workdir=/a\\:b/overlay/web/x/w", "noatime"],
  };
  const { definition } = planRename({
    spec: {},
    record: { ...RECORD, rootfs: [overlay] },
    service: { policy: { policy: "no" }, started: true, progress: NO_PROGRESS },
  }, { root, bundles: BUNDLES, to: "old", exit: EXIT });
  assert.deepEqual(definition.record.rootfs[0]?.options, [
    "ro",
    "upperdir=/a\\:b/overlay/old/x/u",
    "workdir=/a\\:b/overlay/old/x/w",
    "noatime",
  ]);
});
