// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import { type Removed, removeImage } from "../../images/remove.ts";
import { pruneImages } from "../../images/remove.ts";
import { shortName } from "../../images/reference.ts";
import { verb, withSocket } from "../common/command.ts";
import { exitStatusOf } from "../common/exit_status.ts";
import { ImageNotFoundError } from "../../images/errors.ts";
import { interruptible } from "../common/interruptible.ts";
import { print, printError, printStderr } from "../text/print.ts";
import { usedImages, withStore } from "./store.ts";

/** `berth image rm` and `berth rmi` */
export function rmiCommand(name: "rm" | "rmi"): Command {
  return withSocket(verb(
    name,
    "Remove names of images, and images that no container uses",
    `berth ${name === "rm" ? "image rm" : name} alpine`,
  ))
    .option("-f, --force", "take the name of an image that a container uses; ignore missing ones")
    .argument("<image...>", "names, or the beginnings of ids")
    .action(async (images: string[], { force }: { force?: true }, command: Command) => {
      await withStore(command, (store, daemon) =>
        interruptible(async (signal) => {
          for (const image of images) {
            signal.throwIfAborted();
            try {
              using _alone = await store.useAlone(sayWait, signal);
              const used = await usedImages(daemon);
              show(await removeImage(store, image, used, { ...force && { force }, signal }));
            } catch (error) {
              signal.throwIfAborted();
              printError(error);
              // As docker has it: with --force it only had to be gone.
              if (force && error instanceof ImageNotFoundError) continue;
              Deno.exitCode = exitStatusOf(error);
            }
          }
        }));
    });
}

/** `berth image prune` */
export function pruneImagesCommand(): Command {
  return withSocket(verb(
    "prune",
    "Remove images that have no name and no container",
    "berth image prune",
    "berth image prune --all",
  ))
    .option("-a, --all", "also those with a name, if no container uses them")
    .action(async (options: { all?: true }, command: Command) => {
      await withStore(command, (store, daemon) =>
        interruptible(async (signal) => {
          using _alone = await store.useAlone(sayWait, signal);
          show(await pruneImages(store, await usedImages(daemon), { ...options, signal }));
        }));
    });
}

function sayWait(): void {
  printStderr("Waiting for a pull or a run to let go of the images.");
}

function show({ names, ids }: Removed): void {
  for (const name of names) print(`Untagged: ${shortName(name)}`);
  for (const id of ids) print(`Deleted: ${id}`);
}
