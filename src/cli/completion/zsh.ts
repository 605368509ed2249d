// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { bashCompletion } from "./bash.ts";

/**
 * Returns a script for zsh, which runs that for bash by its own bashcompinit (zshcompsys(1)); to be
 * sourced, or put as `_berth` into a directory of `$fpath`.
 */
export function zshCompletion(program: Command): string {
  return `#compdef berth
# zsh completion for berth
autoload -U +X compinit && (( $+functions[compdef] )) || compinit
autoload -U +X bashcompinit && bashcompinit
${bashCompletion(program)}`;
}
