// SPDX-License-Identifier: MIT
import { Argument, type Command } from "commander";
import { verb } from "../common/command.ts";
import { bashCompletion } from "../completion/bash.ts";
import { fishCompletion } from "../completion/fish.ts";
import { zshCompletion } from "../completion/zsh.ts";
import { print } from "../text/print.ts";
import { VERBS } from "../text/verb_table.ts";

const SCRIPTS: Readonly<Record<string, (program: Command) => string>> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
};

/** `berth completion` */
export function completionCommand(): Command {
  return verb(
    "completion",
    VERBS.completion.summary,
    "berth completion bash > /etc/bash_completion.d/berth",
    "berth completion zsh > /usr/share/zsh/site-functions/_berth",
    "berth completion fish > /etc/fish/completions/berth.fish",
  )
    .addArgument(new Argument("<shell>", "which shell").choices(Object.keys(SCRIPTS)))
    .action((shell: string, _options: unknown, command: Command) => {
      const script = SCRIPTS[shell];
      if (command.parent && script) print(script(command.parent));
    });
}
