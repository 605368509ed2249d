// SPDX-License-Identifier: MIT
import { Argument, type Command } from "commander";
import { daemonCommand } from "../../daemon_command.ts";
import { verb } from "../common/command.ts";
import { print } from "../text/print.ts";

/** `berth completion` */
export function completionCommand(): Command {
  return verb(
    "completion",
    "Print a completion script for bash",
    "berth completion bash > /etc/bash_completion.d/berth",
  )
    .addArgument(new Argument("<shell>", "which shell").choices(["bash"]))
    .action((_shell: string, _options: unknown, command: Command) => {
      if (command.parent) print(bashCompletion(command.parent));
    });
}

/** A script that completes the program's verbs, their options, and container ids. */
export function bashCompletion(program: Command): string {
  // The command line only hands on to the daemon, which knows its flags.
  const daemon = daemonCommand(() => Promise.resolve());
  const verbs = program.commands.map((command) =>
    [command.name(), command.name() === "daemon" ? daemon : command] as const
  );
  const names = verbs.map(([name]) => name).join(" ");
  return `# bash completion for berth
_berth_verb() {
  case "$1" in
${verbs.map(([name, command]) => `    ${name}) ${verbCase(command, names)} ;;`).join("\n")}
  esac
}
_berth() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" verb= option= socket= at=0 i word
  local words="${optionNames(program)}" values="${valueOptions(program)}" ids=0 first= rest=
  [ "$cur" = "=" ] && cur=
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    # Bash makes --option=value three words.
    if [ "$word" = "=" ]; then
      continue
    elif [ -n "$option" ]; then
      [ "$option" = --socket ] && socket="$word"
      option=
    elif [ "$word" = -- ]; then
      [ -n "$rest" ] && return
    elif [[ "$word" == -* ]]; then
      [[ " $values " == *" $word "* ]] && option="$word"
    elif [ -z "$verb" ]; then
      verb="$word"
      _berth_verb "$verb"
    else
      # The rest is the command in the container, with its options.
      [ -n "$rest" ] && return
      at=$((at + 1))
    fi
  done
  if [ -n "$option" ]; then
    case "$verb $option" in
${choiceCases(verbs)}
      "events --id") _berth_ids ;;
    esac
  elif [[ "$cur" == -* ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
  elif [ -z "$verb" ]; then
    COMPREPLY=($(compgen -W "${names}" -- "$cur"))
  elif [ "$at" -lt "$ids" ]; then
    _berth_ids
  elif [ "$at" -eq 0 ]; then
    COMPREPLY=($(compgen -W "$first" -- "$cur"))
  fi
}
_berth_ids() {
  COMPREPLY=($(compgen -W "$(berth ps -q \${socket:+--socket "$socket"} 2>/dev/null)" -- "$cur"))
}
complete -o default -F _berth berth`;
}

/** Sets what can follow a verb. */
function verbCase(command: Command, verbs: string): string {
  const { registeredArguments } = command;
  const ids = registeredArguments.filter((argument) => argument.name() === "id");
  const many = ids.some(({ variadic }) => variadic);
  const rest = registeredArguments.some((argument) => argument.name() === "command");
  const [first] = registeredArguments;
  const choices = command.name() === "help" ? verbs : first?.argChoices?.join(" ") ?? "";
  return [
    `words="${optionNames(command)}"`,
    `values="${valueOptions(command)}"`,
    `ids=${many ? 1000 : ids.length}`,
    `first="${choices}"`,
    `rest=${rest ? 1 : ""}`,
  ].join("; ");
}

/** Every spelling of every option, `--help` too. */
function optionNames(command: Command): string {
  return command.createHelp().visibleOptions(command)
    .flatMap(({ short, long }) => [short, long]).filter((name) => name !== undefined).join(" ");
}

/** The options that a value follows. */
function valueOptions(command: Command): string {
  return command.options.filter(({ required, optional }) => required || optional)
    .flatMap(({ short, long }) => [short, long]).filter((name) => name !== undefined).join(" ");
}

function choiceCases(verbs: readonly (readonly [string, Command])[]): string {
  return verbs.flatMap(([name, command]) =>
    command.options.flatMap(({ long, argChoices }) =>
      argChoices === undefined ? [] : [
        `      "${name} ${long}") COMPREPLY=($(compgen -W "${argChoices.join(" ")}" -- "$cur")) ;;`,
      ]
    )
  ).join("\n");
}
