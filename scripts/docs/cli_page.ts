// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { berthProgram } from "../../src/cli/index.ts";
import { manPage } from "../../src/cli/text/man_page.ts";
import { wholeHelp } from "../../src/cli/text/program_help.ts";
import { daemonProgram } from "../../src/main.ts";
import { daemonRoleCommand } from "../../src/daemon_command.ts";

const INTRO = `# Command line

The output of \`berth --help\`, \`berth help --all\` and \`berth VERB --help\`. \`berth run\` and \`berth exec\` exit with the exit
status of the process, or with 125 for an error of berth itself.`;

const WIDTH = 96;

/** Returns the reference page of the command line: the help of every verb. */
export async function cliPage(): Promise<string> {
  const program = await berthProgram(daemonProgram);
  // The command line passes the flags on to the daemon, which defines them.
  const daemon = daemonRoleCommand(() => Promise.resolve());
  const verbs = program.commands.map((command) =>
    `## berth ${command.name()}\n\n${fence(helpOf(command.name() === "daemon" ? daemon : command))}`
  );
  const all = [fence(helpOf(program)), fence(wholeHelp(program, WIDTH))];
  return [INTRO, ...all, ...verbs].join("\n\n");
}

/** Returns the man page of the command line, in the language of man(7). */
export async function cliManPage(): Promise<string> {
  return manPage(await berthProgram(daemonProgram));
}

/** Returns the help text of a command, laid out for a fixed width. */
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
