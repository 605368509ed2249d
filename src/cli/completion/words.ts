// SPDX-License-Identifier: MIT
// The words that shells complete: verbs, options and values.
import type { Command, Option } from "commander";
import { daemonRoleCommand } from "../../daemon_command.ts";
import { SIGNALS } from "../../linux/process/signals.ts";

/** A verb and the command that knows its options. */
export interface Verb {
  readonly name: string;
  readonly command: Command;
}

/** Returns the verbs of the program, without names that are an alias of another. */
export function verbsOf(program: Command): Verb[] {
  // The command line only hands on to the daemon, which knows its flags.
  const daemon = daemonRoleCommand(() => Promise.resolve());
  return program.commands.map((command) => ({
    name: command.name(),
    command: command.name() === "daemon" ? daemon : command,
  }));
}

/** Returns the verbs of a verb that has its own, as `image ls`, under every name; none of any other. */
export function subverbsOf({ name, command }: Verb): Verb[] {
  return command.commands.flatMap((each) =>
    [each.name(), ...each.aliases()].map((own) => ({ name: `${name} ${own}`, command: each }))
  );
}

/** Returns the last word of a verb, such as `ls` of `image ls`. */
export function lastWord({ name }: Verb): string {
  return name.slice(name.lastIndexOf(" ") + 1);
}

/** Returns the verbs of the program, each under its aliases too, with its own behind it. */
export function allVerbsOf(program: Command): Verb[] {
  return verbsOf(program).flatMap(({ name, command }) =>
    [name, ...command.aliases()].map((each) => ({ name: each, command }))
      .flatMap((verb) => [verb, ...subverbsOf(verb)])
  );
}

/** The states of the containers that a verb can do something with; those not named take any. */
const STATES: Readonly<Record<string, readonly string[]>> = {
  start: ["created", "exited"],
  rename: ["exited"],
  exec: ["running"],
  attach: ["running"],
  stop: ["running", "paused", "restarting"],
  kill: ["running", "paused", "restarting"],
  wait: ["created", "running", "paused", "restarting"],
  stats: ["running", "paused"],
  pause: ["running"],
  resume: ["paused"],
  unpause: ["paused"],
  top: ["running", "paused"],
  checkpoint: ["running"],
};

/** Returns the arguments of `berth ps` that list the ids which fit a verb. */
export function idFilters(verb: string): string[] {
  return (STATES[verb] ?? []).flatMap((state) => ["--filter", `status=${state}`]);
}

/** Returns how many ids a verb takes: none, one, or more. */
export function idCount({ command }: Verb): "none" | "one" | "many" {
  const ids = command.registeredArguments.filter((argument) => argument.name() === "id");
  if (ids.length === 0) return "none";
  return ids.some(({ variadic }) => variadic) ? "many" : "one";
}

/** Returns how many of the verb's arguments are a path of the host, or `ID:PATH`. */
export function sideCount({ command }: Verb): number {
  return command.registeredArguments.filter((argument) =>
    argument.description.startsWith("ID:PATH")
  ).length;
}

/** Returns whether what follows the verb's own arguments is a command in the container. */
export function takesCommand({ command }: Verb): boolean {
  return command.registeredArguments.some((argument) => /\bcommand$/.test(argument.name()));
}

/** Returns the words that the verb's first argument can be. */
export function firstWords({ name, command }: Verb, program: Command): string[] {
  if (name === "help") return program.commands.map((other) => other.name());
  if (command.commands.length > 0) return subverbsOf({ name, command }).map(lastWord);
  return command.registeredArguments[0]?.argChoices?.slice() ?? [];
}

/** Returns the words that an option of a verb takes, of those that are known beforehand. */
export function optionWords(option: Option, verb?: Verb): string[] {
  if (option.argChoices) return option.argChoices.slice();
  switch (option.long) {
    case "--signal":
    case "--stop-signal":
      return Object.keys(SIGNALS).map((name) => name.replace(/^SIG/, ""));
    case "--network":
    case "--net":
      return ["bridge", "none", "host"];
    case "--log-level":
      return ["debug", "info", "warning", "error", "fatal"];
    case "--filter":
      if (verb?.name === "image prune") return ["until=", "label=", "label!="];
      if (/^images?\b/.test(verb?.name ?? "")) {
        return ["reference=", "dangling=true", "dangling=false", "label="];
      }
      return [
        ...["created", "running", "paused", "restarting", "exited"].map((state) =>
          `status=${state}`
        ),
        "ancestor=",
        "label=",
      ];
    case "--restart":
      return ["no", "on-failure", "always", "unless-stopped"];
    default:
      return [];
  }
}

/** Returns whether the option's value is the id of a container. */
export function takesIds({ long }: Option, verb?: Verb): boolean {
  return verb?.name === "events" && long === "--id";
}

/** Returns whether a value follows the option. */
export function takesValue({ required, optional }: Option): boolean {
  return required || optional;
}

/** Returns every option that help shows, `--help` too. */
export function optionsOf(command: Command): Option[] {
  return command.createHelp().visibleOptions(command);
}

/** Returns every spelling of these options. */
export function spellings(options: readonly Option[]): string[] {
  return options.flatMap(({ short, long }) => [short, long]).filter((name) => name !== undefined);
}
