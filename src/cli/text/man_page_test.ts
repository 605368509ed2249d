// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { daemonProgram } from "../../main.ts";
import { berthProgram } from "../index.ts";
import { commandManPage, manPage } from "./man_page.ts";

const program = await berthProgram(daemonProgram);

Deno.test("manPage has every command, and every option of each", () => {
  const page = manPage(program);
  for (const command of program.commands) {
    assert(page.includes(`.SS berth ${command.name().replaceAll("-", "\\-")}`), command.name());
    for (const { long, hidden } of command.options) {
      if (!hidden && long) assert(page.includes(long.replaceAll("-", "\\-")), long);
    }
  }
  assert.match(page, /^\.TH BERTH 1 /);
});

Deno.test("manPage has no line that man(7) would take for a request it is not", () => {
  const requests = /^\.(TH|SH|SS|TP|B)( |$)/;
  for (const page of [manPage(program), ...program.commands.map(commandManPage)]) {
    for (const line of page.split("\n")) {
      assert(!/^[.']/.test(line) || requests.test(line), line);
      assert(!/\\(?![-&([])/.test(line), line);
    }
  }
});
