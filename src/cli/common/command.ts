// SPDX-License-Identifier: MIT
// What every command is built from: summary, example, shared options and their parsers.
import { Command, InvalidArgumentError, Option } from "commander";
import { DEFAULT_SOCKET } from "../../default_socket.ts";
import type { VerbFolder, VerbOf } from "../text/verb_table.ts";
import type { DaemonProgram } from "./daemon_program.ts";

/** The verbs of a folder by name, each the function that makes its command. */
export type FolderVerbs<F extends VerbFolder> = Readonly<
  Record<VerbOf<F>, (daemon: DaemonProgram) => Command>
>;

/** Returns a verb's command: its summary, and an example that `--help` ends with. */
export function verb(name: string, summary: string, ...examples: string[]): Command {
  const title = examples.length === 1 ? "Example:" : "Examples:";
  return new Command(name)
    .summary(summary)
    .description(summary)
    .addHelpText("after", `\n${title}\n${examples.map((line) => `  ${line}`).join("\n")}`);
}

/** Adds the option that says which daemon to talk to. */
export function withSocket(command: Command): Command {
  return command.addOption(
    new Option("--socket <path>", "the daemon's socket").env("BERTH_SOCKET").default(
      DEFAULT_SOCKET,
    ).argParser(parsePath),
  );
}

/** Adds a second spelling of an option, which help does not list. */
export function addAlias(command: Command, flags: string, option: Option): Command {
  const alias = new Option(flags).hideHelp();
  alias.attributeName = () => option.attributeName();
  if (option.argChoices) alias.choices(option.argChoices);
  if (option.parseArg) alias.argParser(option.parseArg);
  return command.addOption(alias);
}

/** Returns the option for programs: JSON, one value a line. */
export function withJson(command: Command): Command {
  return command.option("--json", "print JSON, one object a line");
}

/** Collects an option that may be given several times. */
export function collect(value: string, previous: readonly string[] | undefined): string[] {
  return [...previous ?? [], value];
}

/** Collects an option that may be given several times, each value parsed by `parse`. */
export function collectParsed<T>(
  parse: (text: string) => T,
): (text: string, previous: readonly T[] | undefined) => T[] {
  return (text, previous) => [...previous ?? [], parse(text)];
}

/**
 * Removes the `--` that may stand between an argument and a command in the container; commander
 * leaves it there, because options after the first argument are the command's.
 */
export function afterSeparator(args: readonly string[]): string[] {
  return args[0] === "--" ? args.slice(1) : [...args];
}

/** Returns a parser that takes the texts which a pattern matches, and refuses others with a message. */
export function matching(pattern: RegExp, message: string): (text: string) => string {
  return (text) => {
    if (pattern.test(text)) return text;
    throw new InvalidArgumentError(message);
  };
}

/** Checks a path that an option names. An empty one, which would be the working directory, is refused. */
export const parsePath: (text: string) => string = matching(/./s, "expected a path");

/** Returns an option as it is typed, by the name of its member: `addHost` is `--add-host`. */
export function flagOf(name: string): string {
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
