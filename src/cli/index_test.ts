// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { bashCompletion } from "./manage/completion.ts";
import { berthProgram } from "./index.ts";
import { daemonProgram } from "../main.ts";

Deno.test("every verb says what it does and gives an example", () => {
  for (const command of berthProgram(daemonProgram).commands) {
    if (command.name() === "help") continue;
    assert.ok(command.summary().length > 10, command.name());
    let help = "";
    command.configureOutput({ writeOut: (text) => help += text });
    command.outputHelp();
    assert.match(help, new RegExp(`Examples?:\n  .*berth ${command.name()}`), command.name());
  }
});

Deno.test("what stands behind the container's command is not berth's", async () => {
  const program = berthProgram(daemonProgram);
  for (
    const [verb, given, expected] of [
      ["exec", ["exec", "-t", "web", "ls", "-la", "--help"], ["web", ["ls", "-la", "--help"]]],
      ["exec", ["exec", "web", "--", "ls", "-t"], ["web", ["--", "ls", "-t"]]],
      ["run", ["run", "--rootfs", "/r", "ls", "-la"], [["ls", "-la"]]],
      ["run", ["run", "--rootfs", "/r", "--", "ls", "-la"], [["ls", "-la"]]],
    ] as const
  ) {
    const command = program.commands.find((candidate) => candidate.name() === verb);
    let seen: unknown[] = [];
    command?.action((...args: unknown[]) => {
      seen = args.slice(0, -2);
    });
    await program.parseAsync(given, { from: "user" });
    assert.deepEqual(seen, expected, given.join(" "));
  }
});

/** What bash would offer for the last of each list of words; `berth ps -q` says `ID`. */
async function completions(lines: readonly (readonly string[])[]): Promise<string[]> {
  const calls = lines.map((words) =>
    `COMP_WORDS=(berth ${words.map((word) => `'${word}'`).join(" ")})
COMP_CWORD=${words.length}; _berth; echo "\${COMPREPLY[*]}"`
  );
  const script = [
    bashCompletion(berthProgram(daemonProgram)),
    'berth() { echo "ID${*:3}"; }',
    ...calls,
  ];
  const { stdout, stderr, success } = await new Deno.Command("bash", {
    args: ["-u", "-c", script.join("\n")],
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).split("\n").slice(0, -1);
}

Deno.test("the completion script offers verbs, options, their choices and container ids", async () => {
  const cases: readonly (readonly [words: readonly string[], offered: string])[] = [
    [["ru"], "run"],
    [["hel"], "help"],
    [["--so"], "--socket"],
    [["--socket", "/x", "ru"], "run"],
    [["--socket", "=", "/x", "ru"], "run"],
    [["help", "restor"], "restore"],
    [["completion", ""], "bash"],
    [["logs", "--ta"], "--tail"],
    [["logs", "--hel"], "--help"],
    [["daemon", "--print"], "--print-unit"],
    [["rm", "--ins"], ""],
    [["logs", ""], "ID"],
    [["logs", "web", ""], ""],
    [["rm", "-f", "web", ""], "ID"],
    [["logs", "--tail", ""], ""],
    [["logs", "--tail", "5", ""], "ID"],
    [["logs", "--socket", "/x", ""], "ID--socket /x"],
    [["--socket", "=", "/x", "rm", ""], "ID--socket /x"],
    [["events", "--id", ""], "ID"],
    [["events", "--type", "check"], "checkpointed"],
    [["events", "--type", "=", "check"], "checkpointed"],
    [["run", "--net", ""], "none host"],
    [["exec", ""], "ID"],
    [["exec", "-it", ""], "ID"],
    [["exec", "web", "--us"], ""],
    [["run", "ls", "--ro"], ""],
    [["restore", ""], ""],
  ];
  assert.deepEqual(
    await completions(cases.map(([words]) => words)),
    cases.map(([, offered]) => offered),
  );
});

Deno.test("completion knows every verb and every option that help shows", async () => {
  const verbs = berthProgram(daemonProgram).commands.map((command) => command.name());
  const [offered = "", ...options] = await completions([[""], ...verbs.map((verb) => [verb, "-"])]);
  assert.deepEqual(offered.split(" "), verbs);
  for (const [index, command] of berthProgram(daemonProgram).commands.entries()) {
    if (command.name() === "daemon") continue;
    const shown = command.helpInformation().matchAll(/^ +(?:-\w, )?(--[a-z-]+)/gm);
    const names = Array.from(shown, ([, name = ""]) => name);
    const known = options[index]?.split(" ") ?? [];
    assert.deepEqual(names.filter((name) => !known.includes(name)), [], command.name());
  }
});
