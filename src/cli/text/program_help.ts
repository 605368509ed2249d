// SPDX-License-Identifier: MIT
// The help of the program itself: short, or with every command.
import { type Command, Help } from "commander";

/** Said under the short help. */
const HINT = '"berth help --all" describes every command, "berth help COMMAND" one of them.';

/** Said under the whole help. */
const EXAMPLE = `"berth help COMMAND" shows the options of a command.

Example:
  berth run --rm -it alpine sh`;

/**
 * Returns the help that a screen of 24 rows shows whole: what the commands of the first group do, and the
 * names of all others by their groups.
 */
export function shortHelp(program: Command, help: Help): string {
  const groups = [...Map.groupBy(help.visibleCommands(program), (command) => command.helpGroup())];
  const [[heading, common] = ["", []], ...others] = groups;
  const term = widest(common.map((command) => command.name())) + 2;
  const label = widest(others.map(([name]) => name)) + 1;
  const room = (help.helpWidth ?? 80) - label;
  return [
    `Usage: ${help.commandUsage(program)}`,
    "",
    heading,
    ...common.map((command) => `  ${command.name().padEnd(term)}${command.summary()}`),
    "",
    ...others.flatMap(([name, commands]) =>
      wrapped(commands.map((command) => command.name()), room).map((line, index) =>
        `${(index === 0 ? name : "").padEnd(label)}${line}`
      )
    ),
    "",
    HINT,
    "",
  ].join("\n");
}

/** Returns the help with what every command does, and the options of the program, `width` columns wide. */
export function wholeHelp(program: Command, width = 80): string {
  const help = program.createHelp();
  help.prepareContext({ helpWidth: width });
  // The program's own is the short one.
  return `${Help.prototype.formatHelp.call(help, program, help)}\n${EXAMPLE}`;
}

function widest(texts: readonly string[]): number {
  return Math.max(0, ...texts.map(({ length }) => length));
}

/** Returns lines of words, each no longer than `width`. */
function wrapped(words: readonly string[], width: number): string[] {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else lines.push(word);
  }
  return lines;
}
