// SPDX-License-Identifier: MIT
// Which verbs of `berth` a command line needs, and how they are loaded.
import type { Command } from "commander";
import type { DaemonProgram } from "./common/daemon_program.ts";
import type { FolderVerbs } from "./common/command.ts";
import { type VerbFolder, VERBS } from "./text/verb_table.ts";

/** The folders that have verbs, each loaded for a verb of it: all take longer to load than most verbs. */
const FOLDERS: { readonly [F in VerbFolder]: () => Promise<FolderVerbs<F>> } = {
  image: async () => (await import("./image/verbs.ts")).verbs,
  inspect: async () => (await import("./inspect/verbs.ts")).verbs,
  lifecycle: async () => (await import("./lifecycle/verbs.ts")).verbs,
  manage: async () => (await import("./manage/verbs.ts")).verbs,
  network: async () => (await import("./network/verbs.ts")).verbs,
  run: async () => (await import("./run/verbs.ts")).verbs,
};

/** The verbs that tell of the options of the others, or of their verbs. */
const TELL_OF_OTHERS = new Set(["completion", "container", "install", "man"]);

/**
 * Returns the names of the verbs that the words `args` after `berth` need: none for the help of berth
 * itself, undefined for all.
 */
export function neededVerbs(args: readonly string[]): readonly string[] | undefined {
  let at = 0;
  // The one option of berth itself that has a value.
  while (args[at]?.startsWith("-")) at += args[at] === "--socket" ? 2 : 1;
  const [name, ...rest] = args.slice(at);
  if (name === undefined) return [];
  const needed = name === "help" ? [name, ...rest] : [name];
  // A word that is no verb may be a second name of one, or there is advice on it.
  const known = needed.every((word) => Object.hasOwn(VERBS, word));
  return known && !TELL_OF_OTHERS.has(name) ? needed : undefined;
}

/** Loads the folder of a verb and returns the verb's command. */
export async function loadVerb(
  name: string,
  folder: VerbFolder,
  daemon: DaemonProgram,
): Promise<Command> {
  const verbs: Readonly<Record<string, (daemon: DaemonProgram) => Command>> = await FOLDERS
    [folder]();
  const command = verbs[name];
  if (command === undefined) throw new TypeError(`src/cli/${folder} has no verb ${name}`);
  return command(daemon);
}
