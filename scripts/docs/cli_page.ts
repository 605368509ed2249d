// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { berthProgram } from "../../src/cli/index.ts";
import { daemonProgram } from "../../src/main.ts";
import { daemonCommand } from "../../src/daemon_command.ts";

const INTRO = `# Command line

What \`berth --help\` and \`berth VERB --help\` print. \`berth run\` and \`berth exec\` end with the exit status of
the process; 125 stands for an error of berth itself.`;

const WIDTH = 96;

/** The reference page of the command line: the help of every verb. */
export function cliPage(): string {
  const program = berthProgram(daemonProgram);
  // The command line only hands on to the daemon, which knows its flags.
  const daemon = daemonCommand(() => Promise.resolve());
  const verbs = program.commands.map((command) =>
    `## berth ${command.name()}\n\n${fence(helpOf(command.name() === "daemon" ? daemon : command))}`
  );
  return [INTRO, fence(helpOf(program)), ...verbs].join("\n\n");
}

/** Help as it is printed, with what is added after the options, at a width that no terminal sets. */
function helpOf(command: Command): string {
  let text = "";
  command.configureOutput({
    writeOut: (part) => text += part,
    getOutHelpWidth: () => WIDTH,
    getOutHasColors: () => false,
  });
  command.outputHelp();
  return text.trimEnd();
}

function fence(text: string): string {
  return `\`\`\`text\n${text}\n\`\`\``;
}
