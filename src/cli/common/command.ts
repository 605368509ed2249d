// SPDX-License-Identifier: MIT
import { Command, InvalidArgumentError, Option } from "commander";

/** Where the daemon listens when nobody says otherwise. */
export const DEFAULT_SOCKET = "/run/berth/berth.sock";

/** A verb's command: its summary, and an example that `--help` ends with. */
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
    ).argParser(somePath),
  );
}

/** The option for programs: JSON, one value a line. */
export function withJson(command: Command): Command {
  return command.option("--json", "print JSON, one object a line");
}

/** Collects an option that may be given several times. */
export function collect(value: string, previous: readonly string[] | undefined): string[] {
  return [...previous ?? [], value];
}

/**
 * Takes the `--` off a command line inside the container: where options after the first argument
 * belong to that command, commander hands the separator through.
 */
export function commandOf(args: readonly string[]): string[] {
  return args[0] === "--" ? args.slice(1) : [...args];
}

/** Takes a path that an option names: an empty one would be the working directory. */
export function somePath(value: string): string {
  if (value === "") throw new InvalidArgumentError("expected a path");
  return value;
}
