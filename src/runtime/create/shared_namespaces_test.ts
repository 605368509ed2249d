// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { processStat } from "../../linux/process/stat.ts";
import { FailedPreconditionError } from "../../rpc/errors.ts";
import type { CheckedSpec } from "./spec_changes.ts";
import { joinAgain, sharedNamespaces } from "./shared_namespaces.ts";

function specOf(namespaces: unknown): CheckedSpec {
  return { ociVersion: "1.0.2", linux: { namespaces } };
}

/** The pid of a process that lives. */
const INIT = 1;
const OWNER = { id: "owner", pid: INIT, networkNamespace: "/state/one/netns" };

Deno.test("sharedNamespaces: a path is told by the container or by the process that it belongs to", () => {
  const { startTime } = processStat(Deno.pid)!;
  const spec = specOf([
    { type: "pid", path: `/proc/${INIT}/ns/pid` },
    { type: "network", path: "/state/one/netns" },
    { type: "ipc", path: `/proc/${Deno.pid}/ns/ipc` },
    { type: "uts", path: "/run/pinned/uts" },
    { type: "mount" },
  ]);
  assert.deepEqual(sharedNamespaces(spec, () => [OWNER]), [
    { type: "pid", container: "owner" },
    { type: "network", container: "owner" },
    { type: "ipc", pid: Deno.pid, startTime },
  ]);
  assert.deepEqual(sharedNamespaces({ ociVersion: "1.0.2" }, () => []), []);
});

Deno.test("joinAgain: a container joins the namespaces of those that share them as they run now", () => {
  const { startTime } = processStat(Deno.pid)!;
  const namespaces = [
    { type: "network", path: "/state/one/netns" },
    { type: "uts", path: `/proc/${Deno.pid}/ns/uts` },
    { type: "mount" },
  ];
  const shared = [
    { type: "network", container: "owner" },
    { type: "uts", pid: Deno.pid, startTime },
  ];
  const now = { ...OWNER, pid: 4711, networkNamespace: "/nonesuch/two/netns" };
  assert.deepEqual(joinAgain("c", specOf(namespaces), shared, () => now).linux, {
    namespaces: [
      { type: "network", path: "/proc/4711/ns/net" },
      { type: "uts", path: `/proc/${Deno.pid}/ns/uts` },
      { type: "mount" },
    ],
  });
  const again = (find: () => typeof OWNER | undefined, startTime: number) => () =>
    joinAgain("c", specOf(namespaces), [
      { type: "network", container: "owner" },
      { type: "uts", pid: Deno.pid, startTime },
    ], find);
  for (
    const [find, start, message] of [
      [() => undefined, startTime, /container owner, whose network namespace it shares, is gone/],
      [() => ({ ...now, pid: 0 }), startTime, /container owner, .* does not run: start it first/],
      [() => now, startTime + 1, /process \d+, whose uts namespace it shares, has ended/],
    ] as const
  ) {
    assert.throws(again(find, start), (error) => {
      assert.ok(error instanceof FailedPreconditionError);
      assert.match(error.message, message);
      return true;
    });
  }
});
