// SPDX-License-Identifier: MIT
import type { Command, Option } from "commander";
import {
  allVerbsOf,
  firstWords,
  idCount,
  idFilters,
  optionsOf,
  optionWords,
  sideCount,
  spellings,
  subverbsOf,
  takesCommand,
  takesIds,
  takesValue,
  type Verb,
  verbsOf,
} from "./words.ts";

/** Returns a script for bash that completes verbs, options and their values, and container ids. */
export function bashCompletion(program: Command): string {
  const names = verbsOf(program).map(({ name }) => name).join(" ");
  const all = allVerbsOf(program);
  return `# bash completion for berth
_berth_verb() {
  case "$1" in
${all.map((verb) => `    "${verb.name}") ${verbCase(verb, program)} ;;`).join("\n")}
  esac
}
_berth() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" end=$COMP_CWORD verb= option= socket= at=0 i word
  local words="${spellings(optionsOf(program)).join(" ")}" values="${valueOptions(program)}"
  local ids=0 first= rest= filters= more= sides=0 before= last= joined= prefix=
  COMPREPLY=()
  case "$cur" in [=:] | [=:][=:]) cur= end=$((end + 1)) ;; esac
  for ((i = 1; i < end; i++)); do
    word="\${COMP_WORDS[i]}"
    # Bash makes --option=value three words, and so it does of A=B and A:B.
    case "$word" in
      [=:] | [=:][=:])
        if [ -z "$option" ]; then
          option="$last"
          prefix="$prefix$before$word"
          joined=1
        fi
        continue ;;
    esac
    if [ -n "$joined" ] && [[ "$word" == -* ]]; then
      option= joined= prefix=
    fi
    if [ -n "$option" ]; then
      [ "$option" = --socket ] && socket="$prefix$word"
      last="$option" before="$word" option= joined=
      continue
    elif [ -n "$joined" ]; then
      before="$word" joined=
      continue
    fi
    last= before="$word" prefix=
    if [ "$word" = -- ]; then
      [ -n "$rest" ] && return
    elif [[ "$word" == -* ]]; then
      [[ " $values " == *" $word "* ]] && option="$word"
    elif [ -z "$verb" ] || [ -n "$more" ]; then
      verb="\${verb:+$verb }$word" more= first=
      _berth_verb "$verb"
    else
      # The rest is the command in the container, with its options.
      [ -n "$rest" ] && return
      at=$((at + 1))
    fi
  done
  if [ -z "$joined" ]; then
    prefix=
  elif [[ "$cur" == -* ]]; then
    option= prefix=
  elif [ -z "$option" ]; then
    return
  fi
  if [ -n "$option" ]; then
    case "$verb $option" in
${valueCases(all)}
${idCases(all)}
    esac
    [ -n "$prefix" ] && COMPREPLY=("\${COMPREPLY[@]#"$prefix"}")
    # More follows a word such as label=.
    [ "\${#COMPREPLY[@]}" -eq 1 ] && [[ "\${COMPREPLY[0]}" == *= ]] && compopt -o nospace 2>/dev/null
  elif [[ "$cur" == -* ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
  elif [ -z "$verb" ]; then
    COMPREPLY=($(compgen -W "${names}" -- "$cur"))
  elif [ "$at" -lt "$ids" ]; then
    _berth_ids
  elif [ "$at" -lt "$sides" ]; then
    _berth_sides
  elif [ "$at" -eq 0 ]; then
    COMPREPLY=($(compgen -W "$first" -- "$cur"))
  fi
}
_berth_ids() {
  COMPREPLY=($(compgen "$@" -W "$(berth ps -q $filters \${socket:+--socket "$socket"} 2>/dev/null)" -- "$cur"))
}
# Offers what a copy is from or to: ids, and files beside them. Where no id fits, the shell offers files.
_berth_sides() {
  local word
  _berth_ids -S :
  [ "\${#COMPREPLY[@]}" -eq 0 ] && return
  while IFS= read -r word; do
    [ -z "$word" ] && continue
    [ -d "$word" ] && word="$word/"
    COMPREPLY+=("$(printf %q "$word")")
  done <<< "$(compgen -f -- "$cur")"
  # A path follows.
  compopt -o nospace 2>/dev/null
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
    `more=${subverbsOf(verb).length > 0 ? 1 : ""}`,
    `sides=${sideCount(verb)}`,
    `first="${firstWords(verb, program).join(" ")}"`,
    `rest=${takesCommand(verb) ? 1 : ""}`,
    `filters="${idFilters(verb.name).join(" ")}"`,
  ].join("; ");
}

/** Returns the options that a value follows, hidden ones too. */
function valueOptions(command: Command): string {
  return spellings(command.options.filter(takesValue)).join(" ");
}

function idCases(verbs: readonly Verb[]): string {
  return verbs.flatMap((verb) =>
    verb.command.options.filter((option) => takesIds(option, verb)).map((option) =>
      `      ${optionPatterns(verb, option)}) _berth_ids ;;`
    )
  ).join("\n");
}

function valueCases(verbs: readonly Verb[]): string {
  return verbs.flatMap((verb) =>
    verb.command.options.flatMap((option) => {
      const words = optionWords(option, verb);
      if (words.length === 0) return [];
      return [
        `      ${optionPatterns(verb, option)}) COMPREPLY=($(compgen -W "${
          words.join(" ")
        }" -- "$prefix$cur")) ;;`,
      ];
    })
  ).join("\n");
}

/** Returns a pattern of `case` for the verb with one of the option's spellings. */
function optionPatterns(verb: Verb, option: Option): string {
  return spellings([option]).map((spelling) => `"${verb.name} ${spelling}"`).join(" | ");
}
