// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { StandIn } from "../../tests/harness/stand_in.ts";
import { TempDir } from "../../tests/harness/temp_dir.ts";
import { bashCompletion } from "./completion/bash.ts";
import { fishCompletion } from "./completion/fish.ts";
import { berthProgram } from "./index.ts";
import { neededVerbs } from "./verbs.ts";
import { wholeHelp } from "./text/program_help.ts";
import { daemonProgram } from "../main.ts";
import { testNeeding } from "../../scripts/test_needing.ts";

Deno.test("berthProgram: every verb says what it does and gives an example", async () => {
  for (const command of (await berthProgram(daemonProgram)).commands) {
    if (command.name() === "help") continue;
    assert.ok(command.summary().length > 10, command.name());
    // Help shows it on one line of 80 columns.
    assert.ok(command.summary().length <= 62, command.summary());
    let help = "";
    command.configureOutput({ writeOut: (text) => help += text });
    command.outputHelp();
    assert.match(help, new RegExp(`Examples?:\n  .*berth ${command.name()}`), command.name());
  }
});

Deno.test("berthProgram: a screen of 24 rows has the help whole, with every command", async () => {
  const program = await berthProgram(daemonProgram);
  program.configureOutput({ getOutHelpWidth: () => 80, getOutHasColors: () => false });
  const help = program.helpInformation();
  const lines = help.trimEnd().split("\n");
  // The last row is the prompt's.
  assert.ok(lines.length <= 23, help);
  assert.ok(lines.every((line) => line.length <= 80), help);
  const words = new Set(help.split(/\s+/));
  const names = program.commands.map((command) => command.name());
  assert.deepEqual(names.filter((name) => !words.has(name)), []);
  assert.match(help, /^ {2}run +Create a container and start it$/m);
});

Deno.test("berthProgram: help is the same where no verb is loaded", async () => {
  const [whole, names] = [await berthProgram(daemonProgram), await berthProgram(daemonProgram, [])];
  assert.equal(names.helpInformation(), whole.helpInformation());
  for (const [index, command] of whole.commands.entries()) {
    assert.equal(names.commands[index]?.summary(), command.summary(), command.name());
  }
});

Deno.test("neededVerbs: the verb alone, none for help, all for what tells of them or is unknown", () => {
  for (
    const [line, expected] of [
      ["", []],
      ["--help", []],
      ["rm -f web", ["rm"]],
      ["--socket /x rm --help", ["rm"]],
      ["--socket=/x rm", ["rm"]],
      ["exec web run", ["exec"]],
      ["help", ["help"]],
      ["help run", ["help", "run"]],
      ["help --all", undefined],
      ["completion bash", undefined],
      ["unpause web", undefined],
      ["build .", undefined],
      ["constructor", undefined],
    ] as const
  ) {
    const args = line === "" ? [] : line.split(" ");
    assert.deepEqual(neededVerbs(args), expected, line);
  }
});

Deno.test("wholeHelp: tells what each command does, and the options of the program", async () => {
  const program = await berthProgram(daemonProgram);
  const help = wholeHelp(program);
  for (const command of program.commands) {
    assert.ok(help.includes(`  ${command.name()} `) && help.includes(command.summary()), help);
  }
  assert.match(help, /^ {2}-v, --version /m);
  assert.doesNotMatch(help, /^ {2}-V/m);
  assert.match(help, /^ {2}--socket /m);
});

Deno.test("berthProgram: what stands behind the container's command is not berth's", async () => {
  const program = await berthProgram(daemonProgram);
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
async function completions(
  lines: readonly (readonly string[])[],
  cwd?: string,
): Promise<string[]> {
  const calls = lines.map((words) =>
    `COMP_WORDS=(berth ${words.map((word) => `'${word}'`).join(" ")})
COMP_CWORD=${words.length}; _berth; echo "\${COMPREPLY[*]}"`
  );
  const script = [
    bashCompletion(await berthProgram(daemonProgram)),
    'berth() { echo "ID${*:3}"; }',
    ...calls,
  ];
  const { stdout, stderr, success } = await new Deno.Command("bash", {
    args: ["-u", "-c", script.join("\n")],
    ...(cwd === undefined ? {} : { cwd }),
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).split("\n").slice(0, -1);
}

Deno.test("berthProgram: the completion script offers verbs, options, their choices and container ids", async () => {
  const cases: readonly (readonly [words: readonly string[], offered: string])[] = [
    [["ru"], "run"],
    [["hel"], "help"],
    [["--so"], "--socket"],
    [["--socket", "/x", "ru"], "run"],
    [["--socket", "=", "/x", "ru"], "run"],
    [["help", "restor"], "restore"],
    [["completion", ""], "bash zsh fish"],
    [["logs", "--ta"], "--tail"],
    [["logs", "--hel"], "--help"],
    [["daemon", "--print"], "--print-unit"],
    [["rm", "--ins"], ""],
    [["logs", ""], "ID"],
    [["logs", "web", ""], "ID"],
    [["checkpoint", "web", ""], ""],
    [["rm", "-f", "web", ""], "ID"],
    [["logs", "--tail", ""], ""],
    [["logs", "--tail", "5", ""], "ID"],
    [["logs", "--socket", "/x", ""], "ID--socket /x"],
    [["--socket", "=", "/x", "rm", ""], "ID--socket /x"],
    [["events", "--id", ""], "ID"],
    [["kill", "-s", "ter"], ""],
    [["kill", "-s", "TER"], "TERM"],
    [["kill", "--signal", "=", "WIN"], "WINCH"],
    [["start", ""], "ID--filter status=created --filter status=exited"],
    [
      ["stop", ""],
      `ID${
        ["running", "paused", "restarting"].map((state) => `--filter status=${state}`).join(" ")
      }`,
    ],
    [["restart", ""], "ID"],
    [["pause", ""], "ID--filter status=running"],
    [["stats", ""], "ID--filter status=running --filter status=paused"],
    [["rename", ""], "ID--filter status=exited"],
    [["events", "--type", "check"], "checkpointed"],
    [["events", "--type", "=", "check"], "checkpointed"],
    [["run", "--net", ""], "bridge none host"],
    [["exec", ""], "ID--filter status=running"],
    [["exec", "-it", ""], "ID--filter status=running"],
    [["exec", "web", "--us"], ""],
    [["run", "ls", "--ro"], ""],
    [["restore", ""], ""],
    // Verbs of a verb, with their options.
    [["image", ""], "pull ls list rm remove inspect prune load import"],
    [["image", "p"], "pull prune"],
    [["network", ""], "ls"],
    [["container", ""], "prune"],
    [["install", ""], "docs containerd-shim"],
    [["--socket", "/x", "image", "l"], "ls list load"],
    [["image", "remove", "--fo"], "--force"],
    [["image", "list", "--no-t"], "--no-trunc"],
    [["image", "prune", "--filter", "u"], "until="],
    [["image", "other", ""], ""],
    [["image", "rm", "--fo"], "--force"],
    [["image", "ls", "--filter", "d"], "dangling=true dangling=false"],
    [["container", "prune", "--fi"], "--filter"],
    // What has a colon or an equals sign is several words for bash.
    [["ps", "--filter", "status", "=", "ru"], "running"],
    [["ps", "--filter", "status", "="], "created running paused restarting exited"],
    [["ps", "--filter", "status", "=", "exited", "--no-t"], "--no-trunc"],
    [["run", "-p", "127.0.0.1", ":", "80", ":", "80", "--restart", "al"], "always"],
    [["run", "-e", "A", "=", "--restart", "al"], "always"],
    [["run", "-e", "A", "=", "b", "--rest"], "--restart"],
    // Sides of a copy.
    [["cp", "I"], "ID:"],
    [["cp", "web", ":", "/etc/hosts", "I"], "ID:"],
    [["cp", "./a", "I"], "ID:"],
    [["cp", "--socket", "/x", "I"], "ID--socket:"],
    [["cp", "./"], ""],
    [["cp", "web", ":"], ""],
    [["cp", "web", ":", "I"], ""],
    [["cp", "web", ":", "/etc/hosts", "./a", "I"], ""],
  ];
  assert.deepEqual(
    await completions(cases.map(([words]) => words)),
    cases.map(([, offered]) => offered),
  );
});

Deno.test("berthProgram: completion knows every verb and every option that help shows", async () => {
  const verbs = (await berthProgram(daemonProgram)).commands.map((command) => command.name());
  const [offered = "", ...options] = await completions([[""], ...verbs.map((verb) => [verb, "-"])]);
  assert.deepEqual(offered.split(" "), verbs);
  for (const [index, command] of (await berthProgram(daemonProgram)).commands.entries()) {
    if (command.name() === "daemon") continue;
    const shown = command.helpInformation().matchAll(/^ +(?:-\w, )?(--[a-z-]+)/gm);
    const names = Array.from(shown, ([, name = ""]) => name);
    const known = options[index]?.split(" ") ?? [];
    assert.deepEqual(names.filter((name) => !known.includes(name)), [], command.name());
  }
});

Deno.test("berthProgram: files of the directory are offered beside the containers of a copy", async () => {
  using temp = new TempDir();
  const dir = temp.path;
  await Deno.mkdir(`${dir}/site`);
  await Deno.writeTextFile(`${dir}/a b`, "");
  await Deno.writeTextFile(`${dir}/IDs`, "");
  const [all = "", some, none] = await completions([["cp", ""], ["cp", "I"], ["cp", "s"]], dir);
  for (const word of ["ID:", "IDs", "a\\ b", "site/"]) assert.ok(all.includes(word), all);
  assert.equal(some, "ID: IDs");
  // No id begins like that: the shell itself offers files.
  assert.equal(none, "");
});

testNeeding(
  ["fish"],
  "berthProgram: fish offers verbs, options, their values and ids",
  async () => {
    // It says how many words it was given.
    using berth = new StandIn("berth", 'echo "web-$#"');
    const { dir, env } = berth;
    const script = `${dir}/berth.fish`;
    await Deno.writeTextFile(script, fishCompletion(await berthProgram(daemonProgram)));
    const offered = async (line: string) => {
      const { stdout, stderr } = await new Deno.Command("fish", {
        args: ["-N", "-c", 'source $argv[1]; complete -C "$argv[2]"', script, line],
        env: { ...env, HOME: dir },
      }).output();
      assert.equal(new TextDecoder().decode(stderr), "");
      return new TextDecoder().decode(stdout).split("\n").map((row) => row.split("\t")[0] ?? "");
    };
    assert.ok((await offered("berth ru")).includes("run"));
    assert.ok((await offered("berth logs --ta")).includes("--tail"));
    assert.deepEqual(await offered("berth kill -s TER"), ["TERM", ""]);
    assert.deepEqual(await offered("berth logs "), ["web-2", ""]);
    assert.deepEqual(await offered("berth exec "), ["web-4", ""]);
    assert.deepEqual(await offered("berth exec -e A=B --user me "), ["web-4", ""]);
    assert.deepEqual(await offered("berth exec web --us"), [""]);
    assert.deepEqual(await offered("berth --socket=/x logs "), ["web-3", ""]);
    assert.deepEqual(await offered("berth events --id "), ["web-2", ""]);
    assert.deepEqual(await offered("berth --socket /x rm "), ["web-4", ""]);
    assert.ok(!(await offered("berth checkpoint web ")).some((word) => word.startsWith("web-")));
    assert.ok((await offered("berth completion ")).includes("fish"));
    assert.deepEqual(await offered("berth image l"), ["list", "load", "ls", ""]);
    assert.ok((await offered("berth image remove --fo")).includes("--force"));
    // Three filters of two words each.
    assert.deepEqual(await offered("berth stop "), ["web-8", ""]);
    assert.deepEqual(await offered("berth --socket /x container "), ["prune", ""]);
    assert.deepEqual(await offered("berth image rm "), [""]);
    assert.ok((await offered("berth image rm --fo")).includes("--force"));
    assert.ok((await offered("berth cp ")).includes("web-2:"));
    assert.ok((await offered("berth cp web:/x /e")).includes("/etc/"));
  },
);
