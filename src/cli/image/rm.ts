// SPDX-License-Identifier: MIT
import type { Command } from "commander";
import {
  pruneImages,
  type Removed,
  removeImage,
  removeMarked,
  type UsedImages,
} from "../../images/remove.ts";
import { shortName } from "../../images/reference.ts";
import type { ImageStore, StoreLock } from "../../images/store.ts";
import type { DaemonConnection } from "../common/daemon.ts";
import { verb, withSocket } from "../common/command.ts";
import { exitStatusOf } from "../common/exit_status.ts";
import { ImageNotFoundError } from "../../images/errors.ts";
import { interruptible } from "../common/interruptible.ts";
import { print, printError, printStderr } from "../text/print.ts";
import { sayLayers, usedImages, withStore } from "./store.ts";

/** The digits of an id that people see. */
const SHORT_ID = 12;

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
              await removing(store, daemon, signal, (lock, used) =>
                removeImage(store, lock, image, used, { ...force && { force }, signal }));
            } catch (error) {
              signal.throwIfAborted();
              printError(error);
              // As docker has it: with --force it only had to be gone.
              if (force && error instanceof ImageNotFoundError) {
                continue;
              }
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
          await removing(store, daemon, signal, (lock, used) =>
            pruneImages(store, lock, used, { ...options, signal, onLayers: sayLayers }));
        }));
    });
}

/** Runs `remove`, removes what is left of it once the store is not in use, and shows what is gone. */
async function removing(
  store: ImageStore,
  daemon: DaemonConnection,
  signal: AbortSignal,
  remove: (lock: StoreLock, used: UsedImages) => Promise<Removed>,
): Promise<void> {
  const used = () => usedImages(daemon);
  const { names, ids, later } = await removeLocked();
  for (const name of names) print(`Untagged: ${shortName(name)}`);
  // Those who used the store may have let go of it.
  const gone = await removeMarked(store, used);
  for (const id of [...ids, ...gone]) print(`Deleted: ${id}`);
  const waiting = later.filter((id) => store.marked().includes(id));
  if (waiting.length > 0) printStderr(waitsFor(waiting));

  async function removeLocked(): Promise<Removed> {
    using lock = await store.useAloneIfFree(sayWait, signal);
    return await remove(lock, await used());
  }
}

/** Says when layers go that others might use. */
function waitsFor(ids: readonly string[]): string {
  const images = ids.map((id) => id.slice(0, SHORT_ID)).join(", ");
  return `The layers of ${images} are removed when the pull or the run that is under way has ended.`;
}

function sayWait(): void {
  printStderr("Waiting for another command that removes images.");
}
