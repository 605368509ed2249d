// SPDX-License-Identifier: MIT
// Every verb of `berth`, and the folder that has it.
import type { Command } from "commander";
import type { DaemonProgram } from "./common/daemon_program.ts";
import type { Verbs } from "./common/command.ts";
import type { SUMMARIES } from "./text/summaries.ts";

/** The folders that have verbs, each loaded for a verb of it: all take longer to load than most verbs. */
const FOLDERS = {
  image: async () => (await import("./image/verbs.ts")).verbs,
  inspect: async () => (await import("./inspect/verbs.ts")).verbs,
  lifecycle: async () => (await import("./lifecycle/verbs.ts")).verbs,
  manage: async () => (await import("./manage/verbs.ts")).verbs,
  network: async () => (await import("./network/verbs.ts")).verbs,
  run: async () => (await import("./run/verbs.ts")).verbs,
} satisfies Readonly<Record<string, () => Promise<Verbs>>>;

/** The folder of each verb, in the groups and the order in which help shows them. */
export const VERBS: Readonly<
  Record<string, Readonly<Partial<Record<keyof typeof SUMMARIES, keyof typeof FOLDERS>>>>
> = {
  "Common commands:": {
    run: "run",
    ps: "inspect",
    logs: "inspect",
    exec: "run",
    start: "lifecycle",
    stop: "lifecycle",
    kill: "lifecycle",
    rm: "lifecycle",
    inspect: "inspect",
    stats: "inspect",
  },
  "Manage containers:": {
    create: "run",
    attach: "run",
    cp: "run",
    wait: "lifecycle",
    restart: "lifecycle",
    rename: "lifecycle",
    pause: "lifecycle",
    resume: "lifecycle",
    update: "lifecycle",
    checkpoint: "lifecycle",
    restore: "lifecycle",
    container: "lifecycle",
  },
  "Images:": {
    pull: "image",
    images: "image",
    rmi: "image",
    load: "image",
    import: "image",
    image: "image",
  },
  "Networks:": {
    port: "network",
    network: "network",
  },
  "Inspect containers:": {
    top: "inspect",
    events: "inspect",
  },
  "Manage berth:": {
    daemon: "manage",
    config: "manage",
    shutdown: "manage",
    install: "manage",
    info: "manage",
    prune: "manage",
    version: "manage",
    call: "manage",
    shim: "manage",
    completion: "manage",
    man: "manage",
    help: "manage",
  },
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
  const known = needed.every((word) =>
    Object.values(VERBS).some((verbs) => Object.hasOwn(verbs, word))
  );
  return known && !TELL_OF_OTHERS.has(name) ? needed : undefined;
}

/** Loads the folder of a verb and returns the verb's command. */
export async function loadVerb(
  name: string,
  folder: keyof typeof FOLDERS,
  daemon: DaemonProgram,
): Promise<Command> {
  const command = (await FOLDERS[folder]())[name];
  if (command === undefined) throw new TypeError(`src/cli/${folder} has no verb ${name}`);
  return command(daemon);
}
