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
  spellings,
  subverbsOf,
  takesCommand,
  takesIds,
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
    valueOptionsFunction(allVerbsOf(program)),
    "complete -c berth -f",
    ...optionsOf(program).map((option) => optionLine("__fish_use_subcommand", option)),
    ...verbs.map(({ name, command }) =>
      `complete -c berth -n __fish_use_subcommand -a ${name} -d ${quote(command.summary())}`
    ),
    ...allVerbsOf(program).flatMap((verb) => verbLines(verb, program)),
  ].join("\n");
}

/** Lists ids; with the daemon that the command line so far names. */
const HELPERS = `function __berth_ids
    set -l words (commandline -opc)
    set -l socket
    for at in (seq (count $words))
        switch $words[$at]
            case --socket
                set socket $words[$at..(math $at + 1)]
            case '--socket=*'
                set socket $words[$at]
        end
    end
    command berth ps -q $argv $socket 2>/dev/null
end
# Lists ids as a copy has them, before a path.
function __berth_sides
    for id in (__berth_ids)
        echo "$id:"
    end
end
# Whether the line begins with the verb, and fewer arguments follow it than the number.
function __berth_in
    set -l words (commandline -opc)
    set -e words[1]
    while string match -q -- '-*' "$words[1]"
        if test "$words[1]" = --socket; and set -q words[2]
            set -e words[1]
        end
        set -e words[1]
    end
    for word in (string split -- ' ' $argv[1])
        test "$words[1]" = "$word"; or return 1
        set -e words[1]
    end
    set -l given 0
    set -l options (__berth_value_options $argv[1])
    set -l option
    for word in $words
        if set -q option[1]
            set option
        else if contains -- $word $options
            set option $word
        else if not string match -q -- '-*' $word
            set given (math $given + 1)
        end
    end
    test $given -lt $argv[2]
end`;

/** More arguments than a command line has. */
const MANY = 1000;

function verbLines(verb: Verb, program: Command): string[] {
  const { name, command } = verb;
  const ids = { none: 0, one: 1, many: MANY }[idCount(verb)];
  // Behind the container's command options are that command's.
  const subverbs = subverbsOf(verb);
  const within = subverbs.length > 0 || takesCommand(verb) ? 1 : MANY;
  const filters = idFilters(name).join(" ");
  const first = subverbs.length > 0 ? [] : firstWords(verb, program);
  const sides = sideCount(verb);
  const line = (fewer: number) => `complete -c berth -n ${condition(verb, fewer)}`;
  return [
    ...optionsOf(command).map((option) => optionLine(condition(verb, within), option, verb)),
    ...ids === 0 ? [] : [`${line(ids)} -a ${quote(`(__berth_ids ${filters})`)}`],
    ...first.length === 0 ? [] : [`${line(1)} -a ${quote(first.join(" "))}`],
    ...subverbs.map((each) =>
      `${line(1)} -a ${lastWord(each)} -d ${quote(each.command.summary())}`
    ),
    ...sides === 0 ? [] : [`${line(sides)} -a '(__berth_sides)'`, `${line(MANY)} -F`],
  ];
}

/** Returns fish's condition for what can stand behind a verb with fewer arguments than that. */
function condition({ name }: Verb, fewer: number): string {
  const word = name.includes(" ") ? `"${name}"` : name;
  return quote(`__berth_in ${word} ${fewer}`);
}

/** Returns the function that lists the options of a verb that a value follows, hidden ones too. */
function valueOptionsFunction(verbs: readonly Verb[]): string {
  const cases = verbs.flatMap(({ name, command }) => {
    const options = spellings(command.options.filter(takesValue));
    return options.length === 0
      ? []
      : [`        case ${quote(name)}`, `            string join \\n -- ${options.join(" ")}`];
  });
  return ["function __berth_value_options", "    switch $argv[1]", ...cases, "    end", "end"]
    .join("\n");
}

function optionLine(condition: string, option: Option, verb?: Verb): string {
  const words = takesIds(option, verb) ? ["(__berth_ids)"] : optionWords(option, verb);
  return [
    `complete -c berth -n ${condition}`,
    ...option.short === undefined ? [] : [`-s ${option.short.slice(1)}`],
    ...option.long === undefined ? [] : [`-l ${option.long.slice(2)}`],
    ...takesValue(option) ? [valueFlags(words)] : [],
    `-d ${quote(option.description)}`,
  ].join(" ");
}

function valueFlags(words: readonly string[]): string {
  // Where the words are not known a file may be meant.
  return words.length > 0 ? `-xa ${quote(words.join(" "))}` : "-r -F";
}

/** Quotes for fish, in whose single quotes only `\\` and `'` are special. */
function quote(text: string): string {
  return `'${text.replaceAll(/[\\']/g, (character) => `\\${character}`)}'`;
}
