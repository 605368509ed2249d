// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { bashCompletion } from "../completion/bash.ts";
import { fishCompletion } from "../completion/fish.ts";
import { zshCompletion } from "../completion/zsh.ts";
import { commandManPage, manPage } from "../text/man_page.ts";
import type { InstalledFile } from "./installed_file.ts";

/**
 * Returns the man pages and completions, where man(1) and the shells look for those of programs
 * below `prefix`. A page `berth-run.1` is what `man berth run` shows.
 */
export function shellFiles(program: Command, prefix: string): InstalledFile[] {
  const share = `${prefix.replace(/\/+$/, "")}/share`;
  const files: [path: string, text: string][] = [
    ["man/man1/berth.1", manPage(program)],
    ...program.commands.map((
      command,
    ): [string, string] => [`man/man1/berth-${command.name()}.1`, commandManPage(command)]),
    ["bash-completion/completions/berth", bashCompletion(program)],
    ["zsh/site-functions/_berth", zshCompletion(program)],
    ["fish/vendor_completions.d/berth.fish", fishCompletion(program)],
  ];
  return files.map(([path, text]) => ({ path: `${share}/${path}`, text, mode: 0o644 }));
}
