// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { ContainerState } from "../../rpc/contract/schemas.ts";
import { passesFilters } from "../text/filter.ts";
import { CONTAINER_FILTERS, parseContainerFilter } from "./container_filter.ts";
import { containerLines } from "./container_rows.ts";

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
  startedAt: "2026-01-01T00:00:11.000Z",
  shimPid: 1,
  shim: "connected",
  processes: [],
};

Deno.test("ps: containers are listed with what a person wants to know", () => {
  const stopped: ContainerState = {
    ...base,
    id: "old",
    status: "stopped",
    exitStatus: 137,
    exitStatusUnknown: true,
    exitedAt: "2026-01-01T00:00:05.000Z",
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
  const lines = containerLines(
    [stopped, stoppedByTerm, base, away],
    Date.parse("2026-01-01T00:00:20Z"),
    undefined,
  );
  assert.deepEqual(lines, [
    "ID     STATUS                              CREATED          PID   COMMAND",
    "old    Exited (137?, OOM) 15 seconds ago   20 seconds ago     -",
    "term   Exited (143) 15 seconds ago         15 seconds ago     -",
    "web    Up 9 seconds                        10 seconds ago    42   httpd -f",
    "zz     Up 9 seconds (shim unavailable)     10 seconds ago    42   httpd -f",
  ]);
});

Deno.test("ps: there is a column of images where a container has one", () => {
  const labels = { ...base.labels, "berth.image": "docker.io/library/nginx:1" };
  const lines = containerLines(
    [base, { ...base, id: "of", labels }],
    Date.parse("2026-01-01T00:00:20Z"),
    undefined,
  );
  assert.deepEqual(lines, [
    "ID    IMAGE     STATUS         CREATED          PID   COMMAND",
    "web             Up 9 seconds   10 seconds ago    42   httpd -f",
    "of    nginx:1   Up 9 seconds   10 seconds ago    42   httpd -f",
  ]);
});

Deno.test("ps: a long id is cut on a narrow screen, and what is beside it stays", () => {
  const long = { ...base, id: "x".repeat(76) };
  const now = Date.parse("2026-01-01T03:00:20Z");
  const [, line = "", short = ""] = containerLines([long, base], now, 80);
  assert.ok([...line].length <= 80);
  assert.match(line, /^x+… +Up \d+ hours +\d+ hours ago +42 +httpd -f$/);
  assert.match(short, /^web +Up \d+ hours +\d+ hours ago +42 +httpd -f$/);
});

Deno.test("ps: filters with one key are alternatives, and all keys have to be met", () => {
  const failed: ContainerState = { ...base, id: "db", status: "stopped", exitStatus: 3 };
  const of = (...texts: string[]) =>
    [base, failed].filter((container) =>
      passesFilters(container, texts.map(parseContainerFilter), CONTAINER_FILTERS)
    )
      .map(({ id }) => id);
  assert.deepEqual(of("status=running"), ["web"]);
  assert.deepEqual(of("status=exited"), ["db"]);
  assert.deepEqual(of("name=d", "name=w"), ["web", "db"]);
  assert.deepEqual(of("exited=3", "name=web"), []);
  assert.deepEqual(of("label=berth.command=httpd -f", "id=we"), ["web"]);
  assert.deepEqual(of("label=nope"), []);
  // docker: a regular expression, for the name with a slash before it, too
  assert.deepEqual(of("name=^w"), ["web"]);
  assert.deepEqual(of("name=^/?web$"), ["web"]);
  assert.deepEqual(of("name=/db"), ["db"]);
  assert.deepEqual(of("name=^e"), []);
  for (const bad of ["", "exited=x", "name=(", "status", "status=up", "color=red", "=x"]) {
    assert.throws(() => parseContainerFilter(bad), bad);
  }
});
