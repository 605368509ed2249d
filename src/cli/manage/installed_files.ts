// SPDX-License-Identifier: MIT
// The files that `berth install` puts in place.
import type { Command } from "commander";
import { removeFile } from "../../linux/fs/remove_file.ts";
import { bashCompletion } from "../completion/bash.ts";
import { fishCompletion } from "../completion/fish.ts";
import { zshCompletion } from "../completion/zsh.ts";
import { commandManPage, manPage } from "../text/man_page.ts";

/** A file that `berth install` puts in place. */
export interface InstalledFile {
  readonly path: string;
  readonly text: string;
  readonly mode: number;
}

/** Writes a file, and its directory where that is missing. Readers of the old file keep that. */
export function installFile({ path, text, mode }: InstalledFile): void {
  Deno.mkdirSync(path.slice(0, path.lastIndexOf("/") + 1) || ".", { recursive: true });
  const draft = `${path}.draft`;
  try {
    Deno.writeTextFileSync(draft, text);
    // Whatever the umask.
    Deno.chmodSync(draft, mode);
    Deno.renameSync(draft, path);
  } catch (error) {
    removeFile(draft);
    throw error;
  }
}

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
