// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { ContainerState } from "../../rpc/contract/schemas.ts";
import { containerTable } from "./ps.ts";

const base: ContainerState = {
  id: "web",
  instance: "i",
  status: "running",
  pid: 42,
  bundle: "/nonexistent",
  runtime: "/usr/sbin/runc",
  terminal: false,
  stdin: "",
  stdout: "",
  stderr: "",
  labels: { "berth.command": "httpd -f" },
  createdAt: "2026-01-01T00:00:10.000Z",
  shimPid: 1,
  shim: "connected",
  processes: [],
};

Deno.test("containers are listed oldest first with what a person wants to know", () => {
  const stopped: ContainerState = {
    ...base,
    id: "old",
    status: "stopped",
    exitStatus: 137,
    exitStatusUnknown: true,
    oomKilled: true,
    labels: {},
    createdAt: "2026-01-01T00:00:00.000Z",
  };
  const stoppedByTerm: ContainerState = {
    ...stopped,
    id: "term",
    exitStatus: 143,
    exitStatusUnknown: false,
    createdAt: "2026-01-01T00:00:05.000Z",
  };
  const away: ContainerState = { ...base, id: "zz", shim: "unavailable" };
  assert.deepEqual(
    containerTable(
      [base, stopped, stoppedByTerm, away],
      Date.parse("2026-01-01T00:00:20Z"),
      undefined,
    ),
    [
      "ID     PID   STATUS                           EXIT   AGE   RUNTIME   COMMAND",
      "old      -   stopped                      137? oom   20s   runc",
      "term     -   stopped                           143   15s   runc",
      "web     42   running                             -   10s   runc      httpd -f",
      "zz      42   running (shim unavailable)          -   10s   runc      httpd -f",
    ],
  );
});
