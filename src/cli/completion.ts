// SPDX-License-Identifier: MIT
import { Argument, type Command } from "commander";
import { verb } from "./common/command.ts";
import { print } from "./text/print.ts";

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
  const verbs = program.commands;
  const cases = verbs.map((command) => {
    const options = command.options.flatMap(({ short, long }) => [short, long]);
    const words = options.filter((word) => word !== undefined).join(" ");
    const ids = command.registeredArguments.some((argument) => argument.name() === "id");
    return `    ${command.name()}) words="${words}"; ids=${ids ? 1 : ""} ;;`;
  });
  return `# bash completion for berth
_berth() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" words ids=
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${verbs.map((command) => command.name()).join(" ")}" -- "$cur"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${cases.join("\n")}
    *) return ;;
  esac
  if [[ "$cur" == -* ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
  elif [ -n "$ids" ]; then
    COMPREPLY=($(compgen -W "$(berth ps -q 2>/dev/null)" -- "$cur"))
  fi
}
complete -o default -F _berth berth`;
}
