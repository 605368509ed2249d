// SPDX-License-Identifier: MIT
import type { Command, Option } from "commander";
import {
  allVerbsOf,
  firstWords,
  idCount,
  idFilters,
  lastWord,
  optionsOf,
  optionWords,
  sideCount,
  subverbsOf,
  takesCommand,
  takesIds,
  takesValue,
  type Verb,
  verbsOf,
} from "./words.ts";

/**
 * Returns a script for zsh that completes verbs, options and their values, and container ids; to be
 * sourced, or put as `_berth` into a directory of `$fpath` (zshcompsys(1)).
 */
export function zshCompletion(program: Command): string {
  return [
    "#compdef berth",
    "# zsh completion for berth",
    HELPERS,
    ...allVerbsOf(program).map((verb) => verbFunction(verb, program)),
    programFunction(program),
    // As a file of $fpath, it is run for the first completion, with the name of the function.
    'if [[ "$funcstack[1]" == _berth ]]; then _berth "$@"; else compdef _berth berth; fi',
  ].join("\n");
}

/** Lists ids, with the daemon that the command line so far names, and other words. */
const HELPERS = `_berth_ids() {
  local -a ids expl
  ids=(\${(f)"$(command berth ps -q "$@" $berth_socket 2>/dev/null)"})
  _wanted containers expl container compadd -a ids
}
# Offers what a copy is from or to: ids, and files.
_berth_sides() {
  local -a ids expl
  ids=(\${(f)"$(command berth ps -q $berth_socket 2>/dev/null)"})
  _alternative 'containers:container:compadd -S : -a ids' 'files:file:_files'
}
# Offers words, of which those that end in = are followed by more.
_berth_words() {
  local -a expl whole begun
  whole=("\${(@)@:#*=}") begun=("\${(@M)@:#*=}")
  _wanted values expl value compadd -a whole
  _wanted values expl value compadd -S '' -a begun
}
# Leaves a verb's words to the function of that verb.
_berth_dispatch() {
  local name="$1_$words[1]"
  (( $+functions[$name] )) && $name
}`;

function programFunction(program: Command): string {
  const options = optionsOf(program).map((option) => optionSpec(option));
  return `_berth() {
  local context state state_descr line curcontext="$curcontext" i
  local -a berth_socket
  for ((i = 2; i < CURRENT; i++)); do
    case "$words[i]" in
      --socket) berth_socket=(--socket "\${(Q)words[i+1]}") ;;
      --socket=*) berth_socket=(--socket "\${(Q)\${words[i]#*=}}") ;;
    esac
  done
${chooseVerb("_berth", verbsOf(program), options)}
}`;
}

function verbFunction(verb: Verb, program: Command): string {
  const name = `_berth_${verb.name.replaceAll(" ", "_")}`;
  const subverbs = subverbsOf(verb);
  const options = optionsOf(verb.command).map((option) => optionSpec(option, verb));
  if (subverbs.length > 0) {
    const short = subverbs.map((verb) => ({ name: lastWord(verb), command: verb.command }));
    return `${name}() {
  local context state state_descr line curcontext="$curcontext"
${chooseVerb(name, short, options)}
}`;
  }
  // Behind the container's command options are that command's.
  const specs = [...takesCommand(verb) ? ["-A '-*'"] : [], ...options];
  return `${name}() {
  _arguments -s -S ${[...specs, ...argumentSpecs(verb, program)].join(" ")}
}`;
}

/** Returns what offers verbs, and leaves the words behind one to its own function. */
function chooseVerb(name: string, verbs: readonly Verb[], options: readonly string[]): string {
  const described = verbs.map(({ name, command }) => quote(`${name}:${escape(command.summary())}`));
  return `  local -a verbs
  typeset -A opt_args
  _arguments -C -A '-*' ${[...options, "': :->verb'", "'*:: :->words'"].join(" ")} && return
  case "$state" in
    verb)
      verbs=(${described.join(" ")})
      _describe -t commands command verbs ;;
    words) _berth_dispatch ${name} ;;
  esac`;
}

/** Returns what _arguments is to offer for the words that are no options. */
function argumentSpecs(verb: Verb, program: Command): string[] {
  const ids = ` _berth_ids ${idFilters(verb.name).join(" ")}`.trimEnd();
  const files = "'*:file:_files'";
  switch (idCount(verb)) {
    case "many":
      return [quote(`*:container:${ids}`)];
    case "one":
      return [quote(`1:container:${ids}`), files];
    case "none": {
      const sides = sideCount(verb);
      if (sides > 0) {
        return Array.from({ length: sides }, (_, at) => `'${at + 1}:side: _berth_sides'`);
      }
      const first = firstWords(verb, program);
      return first.length > 0 ? [quote(`1:word:(${first.join(" ")})`)] : [files];
    }
  }
}

/** Returns what _arguments knows an option by; each may be given again. */
function optionSpec(option: Option, verb?: Verb): string {
  const { short, long, description } = option;
  const value = takesValue(option);
  const text = `[${escape(description).replaceAll(/[[\]]/g, "\\$&")}]`;
  const action = value ? `:value:${valueAction(option, verb)}` : "";
  return [
    ...short === undefined ? [] : [`*${short}${value ? "+" : ""}${text}${action}`],
    ...long === undefined ? [] : [`*${long}${value ? "=" : ""}${text}${action}`],
  ].map(quote).join(" ");
}

function valueAction(option: Option, verb?: Verb): string {
  if (takesIds(option, verb)) return " _berth_ids";
  const words = optionWords(option, verb);
  // Where the words are not known a file may be meant.
  return words.length > 0 ? ` _berth_words ${words.join(" ")}` : "_files";
}

function escape(text: string): string {
  return text.replaceAll(/[\\:]/g, "\\$&");
}

/** Quotes for a shell, in whose single quotes only `'` is special. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
