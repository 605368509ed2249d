// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { berthProgram } from "../../src/cli/index.ts";
import { daemonProgram } from "../../src/main.ts";
import { docsRows } from "../harness/docs/docs_rows.ts";

/** A row of the page's tables: the words of docker in its first cell, and what the second one says. */
interface Row {
  /** The text in backticks in the first cell. */
  readonly words: readonly string[];
  readonly says: string;
}

function rowsOf(heading: string): Row[] {
  return docsRows(heading).filter(([first]) => first.includes("`")).map(([first, says]) => ({
    words: [...first.matchAll(/`([^`]+)`/g)].map(([, word = ""]) => word),
    says,
  }));
}

const program = await berthProgram(daemonProgram);
const verbs = new Set(
  program.commands.flatMap((command) => [command.name(), ...command.aliases()]),
);
const flags = new Set(
  program.commands.find((command) => command.name() === "run")?.options
    .flatMap(({ long, short }) => [long, short]),
);

Deno.test("coming_from_docker: run has every option that the page says it has, and no other", () => {
  const rows = rowsOf("Running containers");
  assert(rows.length > 15);
  for (const { words, says } of rows) {
    const none = says.startsWith("none");
    for (const word of words) {
      // With an argument, an option that is there may still be refused.
      if (!word.startsWith("-") || (none && word.includes(" "))) continue;
      const [flag = ""] = word.split(/[ =]/);
      const known = flag.endsWith("*")
        ? [...flags].some((name) => name?.startsWith(flag.slice(0, -1)))
        : flags.has(flag);
      assert.equal(known, !none, `${flag}: ${says}`);
    }
  }
});

Deno.test("coming_from_docker: berth has every verb that the page says it has, and no other", () => {
  const headings = ["Running containers", "Images", "Looking after them"];
  const rows = headings.flatMap(rowsOf);
  for (const { words, says } of rows) {
    // Beside an option stand its values.
    if (words[0]?.startsWith("-")) continue;
    const none = says.startsWith("none");
    for (const word of words) {
      if (!/^[a-z]+( |$)/.test(word) || (none && word.includes(" "))) continue;
      const [verb = ""] = word.split(" ");
      if (verb === "man") continue;
      const known = verbs.has(verb);
      assert.equal(known, !none, `${verb}: ${says}`);
    }
  }
});
