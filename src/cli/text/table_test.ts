// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { fit, fitRows, formatTable } from "./table.ts";

Deno.test("formatTable: columns are as wide as their widest cell and figures stand on the right", () => {
  assert.deepEqual(
    formatTable(["ID", "PID", "COMMAND"], [["a", "7", "sh"], ["longer", "1234", "sleep 1"]], {
      right: [1],
    }),
    [
      "ID        PID   COMMAND",
      "a           7   sh",
      "longer   1234   sleep 1",
    ],
  );
});

Deno.test("formatTable: on a narrow screen the widest column is cut and the last ones stay", () => {
  const rows = [["x".repeat(76), "running", "12345", "sleep 1000"], ["b", "stopped", "-", "sh"]];
  const lines = formatTable(["ID", "STATUS", "PID", "COMMAND"], rows, { width: 60, right: [2] });
  for (const line of lines) assert.ok([...line].length <= 60, line);
  assert.match(lines[1] ?? "", /^x+… {3}running {3}12345 {3}sleep 1000$/);
  assert.match(lines[2] ?? "", /^b {30,}stopped {7}- {3}sh$/);
});

Deno.test("formatTable: the widest columns are cut first, and a usual id stays whole", () => {
  const rows = [
    [
      ...["backup-database-2026", "Exited (137) 10 seconds ago", "About a minute ago", "-"],
      "sh -c 'exit 3; sleep 1000; exit 5'",
    ],
    [
      ...["postgres-main-1", "Up About a minute (Paused)", "11 seconds ago", "1234567"],
      "docker-entrypoint.sh postgres",
    ],
  ];
  const headers = ["ID", "STATUS", "CREATED", "PID", "COMMAND"];
  assert.deepEqual(formatTable(headers, rows, { width: 80, right: [3] }), [
    "ID                    STATUS           CREATED              PID  COMMAND",
    "backup-database-2026  Exited (137) 1…  About a minute…        -  sh -c 'exit 3;…",
    "postgres-main-1       Up About a min…  11 seconds ago   1234567  docker-entrypo…",
  ]);
});

Deno.test("formatTable: on a very narrow screen no column goes, and figures stay whole", () => {
  const rows = [
    ["webserver", "Exited (3) 10 seconds ago", "11 seconds ago", "123456", "sh -c 'exit 3'"],
    ["b", "Up 2 minutes", "2 minutes ago", "7", "sleep 1000"],
  ];
  const headers = ["ID", "STATUS", "CREATED", "PID", "COMMAND"];
  const table = (width: number) => formatTable(headers, rows, { width, right: [3] });
  for (const width of [26, 40, 60, 72]) {
    for (const line of table(width)) {
      assert.ok([...line].length <= width, `${width}: ${line}`);
      assert.match(line, /( PID|123456| 7) +[Cs]/);
    }
  }
  assert.deepEqual(table(72), [
    "ID          STATUS              CREATED             PID   COMMAND",
    "webserver   Exited (3) 10 se…   11 seconds ago   123456   sh -c 'exit 3'",
    "b           Up 2 minutes        2 minutes ago         7   sleep 1000",
  ]);
  assert.deepEqual(table(40), [
    "ID      STATUS  CREATED     PID COMMAND",
    "webser… Exited… 11 seco… 123456 sh -c '…",
    "b       Up 2 m… 2 minut…      7 sleep 1…",
  ]);
});

Deno.test("fit: where nothing is left to cut the line is", () => {
  const lines = formatTable(["ID", "COMMAND"], [["a", "sleep 1000"]], { width: 10 });
  for (const line of lines) assert.ok([...line].length <= 10, line);
  assert.equal(fit("abc", 3), "abc");
  assert.equal(fit("abcd", 3), "ab…");
  assert.equal(fit("abcd", 0), "");
});

Deno.test("formatTable: a style is put around the cell, outside of what is counted", () => {
  const lines = formatTable(["ID", "S"], [["a", "bad"], ["long", "ok"]], {
    style: (text, row, column) => row < 0 ? `<${text}>` : column === 1 ? `[${text}]` : text,
  });
  assert.deepEqual(lines, ["<ID  >   <S>", "a      [bad]", "long   [ok]"]);
});

Deno.test("formatTable: control characters of a container's command do not reach the terminal", () => {
  assert.deepEqual(formatTable(["C"], [["a\u001b[2Jb\nc"]]), ["C", "a [2Jb c"]);
});

Deno.test("formatTable: a table without rows is its header", () => {
  assert.deepEqual(formatTable(["ID"], []), ["ID"]);
});

Deno.test("fitRows: what a low screen has no room for is told", () => {
  const lines = ["ID", "a", "b", "c"];
  assert.deepEqual(fitRows(lines, "here", {}), lines);
  assert.deepEqual(fitRows(lines, "here", { rows: 4 }), lines);
  assert.deepEqual(fitRows(lines, "here", { rows: 3 }), ["ID", "a", "… 2 more here"]);
  // The header is no row that is left out.
  assert.deepEqual(fitRows(lines, "here", { rows: 1 }), ["… 3 more here"]);
  assert.deepEqual(fitRows(lines, "here", { rows: 1, headers: 0 }), ["… 4 more here"]);
  assert.deepEqual(fitRows(lines, "here", { rows: 2 }), ["ID", "… 3 more here"]);
  assert.deepEqual(fitRows(lines, "here", { rows: 3, columns: 8 }), ["ID", "a", "… 2 mor…"]);
});
