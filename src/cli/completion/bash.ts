// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import {
  firstWords,
  idCount,
  idFilters,
  optionsOf,
  optionWords,
  spellings,
  takesCommand,
  takesValue,
  type Verb,
  verbsOf,
} from "./words.ts";

/** Returns a script for bash that completes verbs, options and their values, and container ids. */
export function bashCompletion(program: Command): string {
  const verbs = verbsOf(program);
  const names = verbs.map(({ name }) => name).join(" ");
  return `# bash completion for berth
_berth_verb() {
  case "$1" in
${verbs.map((verb) => `    ${verb.name}) ${verbCase(verb, program)} ;;`).join("\n")}
  esac
}
_berth() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" verb= option= socket= at=0 i word
  local words="${spellings(optionsOf(program)).join(" ")}" values="${valueOptions(program)}"
  local ids=0 first= rest= filters=
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
${valueCases(verbs)}
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
  COMPREPLY=($(compgen -W "$(berth ps -q $filters \${socket:+--socket "$socket"} 2>/dev/null)" -- "$cur"))
}
complete -o default -F _berth berth`;
}

/** Sets what can follow a verb. */
function verbCase(verb: Verb, program: Command): string {
  const count = { none: 0, one: 1, many: 1000 }[idCount(verb)];
  return [
    `words="${spellings(optionsOf(verb.command)).join(" ")}"`,
    `values="${valueOptions(verb.command)}"`,
    `ids=${count}`,
    `first="${firstWords(verb, program).join(" ")}"`,
    `rest=${takesCommand(verb) ? 1 : ""}`,
    `filters="${idFilters(verb.name).join(" ")}"`,
  ].join("; ");
}

/** Returns the options that a value follows, hidden ones too. */
function valueOptions(command: Command): string {
  return spellings(command.options.filter(takesValue)).join(" ");
}

function valueCases(verbs: readonly Verb[]): string {
  return verbs.flatMap(({ name, command }) =>
    command.options.flatMap((option) => {
      const words = optionWords(option);
      if (words.length === 0) return [];
      const patterns = spellings([option]).map((spelling) => `"${name} ${spelling}"`).join(" | ");
      return [
        `      ${patterns}) COMPREPLY=($(compgen -W "${words.join(" ")}" -- "$cur")) ;;`,
      ];
    })
  ).join("\n");
}
