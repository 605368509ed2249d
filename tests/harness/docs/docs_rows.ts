// SPDX-License-Identifier: MIT
import { ROOT } from "../../../scripts/root.ts";

/** Returns the first two cells of each row of a table of the page for docker users. */
export function docsRows(heading: string): (readonly [first: string, second: string])[] {
  const page = Deno.readTextFileSync(`${ROOT}/docs/coming_from_docker.md`);
  const [, section = ""] = page.split(`## ${heading}\n`);
  const [table = ""] = section.split("\n## ");
  return table.split("\n").flatMap((line) => {
    const [, first, second] = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
    if (first === undefined || second === undefined) return [];
    return first === "docker" || /^-*$/.test(first) ? [] : [[first, second] as const];
  });
}
