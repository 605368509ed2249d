// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { bashCompletion } from "./completion.ts";
import { berthProgram } from "./index.ts";

Deno.test("every verb says what it does and gives an example", () => {
  for (const command of berthProgram().commands) {
    if (command.name() === "help") continue;
    assert.ok(command.summary().length > 10, command.name());
    let help = "";
    command.configureOutput({ writeOut: (text) => help += text });
    command.outputHelp();
    assert.match(help, new RegExp(`Examples?:\n  .*berth ${command.name()}`), command.name());
  }
});

Deno.test("what stands behind the container's command is not berth's", async () => {
  const program = berthProgram();
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

Deno.test("the completion script is valid and offers verbs and options", async () => {
  const script = `${bashCompletion(berthProgram())}
COMP_WORDS=(berth ru); COMP_CWORD=1; _berth; echo "\${COMPREPLY[*]}"
COMP_WORDS=(berth logs --ta); COMP_CWORD=2; _berth; echo "\${COMPREPLY[*]}"`;
  const { stdout, success } = await new Deno.Command("bash", { args: ["-c", script] }).output();
  assert.ok(success);
  assert.equal(new TextDecoder().decode(stdout), "run\n--tail\n");
});
