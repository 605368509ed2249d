// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { ROOT } from "../../scripts/root.ts";
import type { Usage } from "../../src/cli/common/usage.ts";
import { usageTable } from "../../src/cli/common/usage.ts";
import { containerLines } from "../../src/cli/inspect/container_rows.ts";
import { TopScreen } from "../../src/cli/inspect/top_screen.ts";

const PAGE = await Deno.readTextFile(`${ROOT}/docs/terminal.md`);

/** The captures of one section, each as its lines. */
function captures(columns: number): string[][] {
  const [, after = ""] = PAGE.split(`## ${columns} × `);
  const [section = ""] = after.split("\n## ");
  return [...section.matchAll(/```text\n(.*?)```/gs)].map(([, text = ""]) => text.split("\n"));
}

/** The headers of a table's first line, which stand at least two blanks apart. */
function headers(line = ""): string[] {
  return line.trim().split(/ {2,}/);
}

const USAGES: readonly Usage[] = [
  { id: "web", status: "running", memoryBytes: 1, memoryLimitBytes: 2 },
];

for (const columns of [80, 120]) {
  Deno.test(`terminal_page: captures of ${columns} columns have the columns of the program`, () => {
    const all = captures(columns);
    for (const line of all.flat()) assert([...line].length <= columns, line);
    const find = (command: string) => all.find(([first]) => first === `# berth ${command}`);
    assert.deepEqual(
      headers(find("ps")?.[1]),
      headers(containerLines([], Date.now(), columns)[0]),
    );
    const stats = USAGES.map(({ status: _, ...usage }) => usage);
    assert.deepEqual(headers(find("stats")?.[1]), headers(usageTable(stats, columns)[0]));

    const top = all.find(([first]) => first?.startsWith("berth: "));
    const drawn = new TopScreen().draw(USAGES, new Map([["web", "running"]]), {
      ...{ columns, rows: 24 },
    }, new Date());
    // deno-lint-ignore no-control-regex -- what moves the cursor and colors the text
    const lines = drawn.replaceAll(/\x1b\[[0-9;]*[A-Za-z]/g, "").split("\r\n");
    assert.deepEqual(headers(top?.[2]), headers(lines[2]));
    const keys = (line = "") => line.split("   ")[0];
    const footer = top?.findLast((line) => line !== "");
    assert.equal(keys(footer), keys(lines.findLast((line) => line !== "")));
  });
}

Deno.test("terminal_page: captures of a narrow terminal have the columns of the program", () => {
  const [ps = [], top = []] = captures(40);
  for (const line of [...ps, ...top]) assert([...line].length <= 40, line);
  assert.match(ps[1] ?? "", /^ID +IMAGE +STAT… +CREA… +PID +PORTS +COMM…$/);
  const words = (line = "") => line.trim().split(/ {2,}| (?!%)/);
  assert.deepEqual(words(top[1]), words(usageTable(USAGES, 40)[0]));
});
