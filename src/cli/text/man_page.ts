// SPDX-License-Identifier: MIT
// Makes man pages from the help of commands.
import type { Command, Help } from "commander";
import { VERSION } from "../../version.ts";

/** Where else to look, at the end of each page. */
const SEE_ALSO = "runc(8), crun(1), docker(1), podman(1)";

/** Exit statuses that are berth's, and not the container's. */
const EXIT_STATUS: readonly (readonly [status: string, meaning: string])[] = [
  ["125", "berth itself failed: the message is on standard error."],
  ["126", "The program of run or exec cannot be run."],
  ["127", "The program of run or exec is not there."],
  [
    "other",
    "run, exec, attach and wait end with the exit status of the process, 128 and the number " +
    "of the signal that killed it.",
  ],
];

/** Returns the man page of the program and every command, in the language of man(7). */
export function manPage(program: Command): string {
  const help = program.createHelp();
  return [
    ...heading("berth", program.description()),
    ".SH SYNOPSIS",
    `.B berth\n[OPTIONS] COMMAND [ARGUMENTS]`,
    ".SH DESCRIPTION",
    "berth runs OCI containers through runc. A daemon starts them, and may be stopped, killed or " +
    "upgraded while they go on. Each command below asks that daemon.",
    ".SH OPTIONS",
    ...options(help, program),
    ".SH COMMANDS",
    ...help.visibleCommands(program).flatMap((command) => commandSection(help, command, [])),
    ...ending(),
  ].join("\n") + "\n";
}

/** Returns the man page of one command, which `berth man COMMAND` prints. */
export function commandManPage(command: Command): string {
  const help = command.createHelp();
  return [
    ...heading(`berth-${command.name()}`, command.summary() || command.description()),
    ".SH SYNOPSIS",
    `.B berth ${roff(command.name())}\n${roff(usage(help, command))}`,
    ".SH DESCRIPTION",
    `${roff(command.description())}.`,
    ".SH OPTIONS",
    ...parts(help, command, [command.name()]),
    ...ending(),
  ].join("\n") + "\n";
}

function heading(name: string, summary: string): string[] {
  return [
    `.TH ${name.toUpperCase()} 1 "" "berth ${VERSION}" "berth"`,
    ".SH NAME",
    `${roff(name)} \\- ${
      roff(summary.replace(/\.$/, "").replace(/^./, (first) => first.toLowerCase()))
    }`,
  ];
}

function ending(): string[] {
  return [
    ".SH EXIT STATUS",
    ...EXIT_STATUS.flatMap(([status, meaning]) => [".TP", `.B ${status}`, roff(meaning)]),
    ".SH ENVIRONMENT",
    ".TP",
    ".B BERTH_SOCKET",
    "The socket of the daemon, where \\-\\-socket does not say it.",
    ".TP",
    ".B NO_COLOR",
    "If it is set, output has no colors.",
    ".SH SEE ALSO",
    roff(SEE_ALSO),
  ];
}

function commandSection(help: Help, command: Command, parents: readonly string[]): string[] {
  const names = [...parents, command.name()];
  return [
    `.SS berth ${roff(names.join(" "))} ${roff(usage(help, command))}`,
    `${roff(command.description())}.`,
    ...parts(help, command, names),
  ];
}

/** Returns the arguments, options and subcommands of a command. */
function parts(help: Help, command: Command, names: readonly string[]): string[] {
  return [
    ...help.visibleArguments(command).flatMap((argument) =>
      item(help.argumentTerm(argument), help.argumentDescription(argument))
    ),
    ...options(help, command),
    ...help.visibleCommands(command).flatMap((child) => commandSection(help, child, names)),
  ];
}

function options(help: Help, command: Command): string[] {
  return help.visibleOptions(command).flatMap((option) =>
    item(help.optionTerm(option), help.optionDescription(option))
  );
}

function item(term: string, description: string): string[] {
  return [".TP", `.B ${roff(term)}`, roff(description)];
}

/** Returns the usage behind the command's name, such as `[options] <id...>`. */
function usage(help: Help, command: Command): string {
  return help.commandUsage(command).replace(/^.*?(?=\[options\]|<|\[|$)/s, "");
}

/** Returns a character as groff_char(7) names it. */
function hex(char: string): string {
  return (char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
}

/** Escapes text for man(7): a backslash, a hyphen, and what begins a request. */
function roff(text: string): string {
  return text.replaceAll("\\", "\\(rs").replaceAll("-", "\\-")
    .replace(/\P{ASCII}/gu, (char) => `\\[u${hex(char)}]`)
    .replace(/^(?=[.'])/gm, "\\&");
}
