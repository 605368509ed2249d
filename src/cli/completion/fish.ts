// SPDX-License-Identifier: MIT
import type { Command, Option } from "commander";
import {
  firstWords,
  idCount,
  idFilters,
  optionsOf,
  optionWords,
  takesCommand,
  takesValue,
  type Verb,
  verbsOf,
} from "./words.ts";

/** Returns a script for fish that completes verbs, options and their values, and container ids. */
export function fishCompletion(program: Command): string {
  const verbs = verbsOf(program);
  return [
    "# fish completion for berth",
    HELPERS,
    "complete -c berth -f",
    ...optionsOf(program).map((option) => optionLine("__fish_use_subcommand", option)),
    ...verbs.map(({ name, command }) =>
      `complete -c berth -n __fish_use_subcommand -a ${name} -d ${quote(command.summary())}`
    ),
    ...verbs.flatMap((verb) => verbLines(verb, program)),
  ].join("\n");
}

/** Lists ids; with the daemon that the command line so far names. */
const HELPERS = `function __berth_ids
    set -l words (commandline -opc)
    set -l socket
    if set -l at (contains -i -- --socket $words)
        set socket --socket $words[(math $at + 1)]
    end
    command berth ps -q $argv $socket 2>/dev/null
end
# Whether the verb is the word, and fewer arguments follow it than the number.
function __berth_in
    set -l words (commandline -opc)
    set -l at (contains -i -- $argv[1] $words); or return 1
    set -l given 0
    for word in $words[(math $at + 1)..-1]
        string match -q -- '-*' $word; or set given (math $given + 1)
    end
    test $given -lt $argv[2]
end`;

/** More arguments than a command line has. */
const MANY = 1000;

function verbLines(verb: Verb, program: Command): string[] {
  const { name, command } = verb;
  const ids = { none: 0, one: 1, many: MANY }[idCount(verb)];
  // Behind the container's command options are that command's.
  const within = takesCommand(verb) ? ids + 1 : MANY;
  const filters = idFilters(name).join(" ");
  const first = firstWords(verb, program);
  return [
    ...optionsOf(command).map((option) =>
      optionLine(quote(`__berth_in ${name} ${within}`), option)
    ),
    ...ids === 0 ? [] : [
      `complete -c berth -n ${quote(`__berth_in ${name} ${ids}`)} -a ${
        quote(`(__berth_ids ${filters})`)
      }`,
    ],
    ...first.length === 0
      ? []
      : [`complete -c berth -n ${quote(`__berth_in ${name} 1`)} -a ${quote(first.join(" "))}`],
    ...name === "cp" ? [`complete -c berth -n ${quote(`__berth_in ${name} ${MANY}`)} -F`] : [],
  ];
}

function optionLine(condition: string, option: Option): string {
  const words = optionWords(option);
  return [
    `complete -c berth -n ${condition}`,
    ...option.short === undefined ? [] : [`-s ${option.short.slice(1)}`],
    ...option.long === undefined ? [] : [`-l ${option.long.slice(2)}`],
    // Where the words are not known a file may be meant.
    ...takesValue(option) ? [words.length > 0 ? `-xa ${quote(words.join(" "))}` : "-r -F"] : [],
    `-d ${quote(option.description)}`,
  ].join(" ");
}

/** Quotes for fish, in whose single quotes only `\\` and `'` are special. */
function quote(text: string): string {
  return `'${text.replaceAll(/[\\']/g, (character) => `\\${character}`)}'`;
}
