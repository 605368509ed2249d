// SPDX-License-Identifier: MIT
// `berth image rm` (also `berth rmi`) and `berth image prune`.
import { type Command, Option } from "commander";
import { removeMarked, removeUnusable } from "../../images/remove/leftovers.ts";
import {
  pruneImages,
  type Removed,
  removeImage,
  type UsedImages,
} from "../../images/remove/remove.ts";
import { shortId, shortName } from "../../images/reference.ts";
import type { StoredImage } from "../../images/store/graph.ts";
import type { ImageStore } from "../../images/store/image_store.ts";
import type { StoreLock } from "../../images/store/layer_lock.ts";
import type { DaemonConnection } from "../common/daemon.ts";
import { collectParsed, verb, withSocket } from "../common/command.ts";
import { exitCodeOf } from "../common/exit_status.ts";
import { ImageNotFoundError } from "../../images/image_errors.ts";
import { interruptible } from "../common/interruptible.ts";
import { print, printError, printStderr } from "../text/print.ts";
import { parsePruneFilter, type PruneFilter } from "./image_rows.ts";
import { reportLayers, usedImages, withStore } from "./store.ts";
import { VERBS } from "../text/verb_table.ts";

/** `berth image rm` and `berth rmi` */
export function rmiCommand(name: "rm" | "rmi"): Command {
  return withSocket(verb(
    name,
    VERBS.rmi.summary,
    `berth ${name === "rm" ? "image rm" : name} alpine`,
  ))
    .option(
      "-f, --force",
      "remove the name even if a container uses the image; ignore missing images",
    )
    // docker's word for layers without a name: there are none here that only one image has.
    .addOption(new Option("--no-prune", "keep parents without a name").hideHelp())
    .argument("<image...>", "names, or the beginnings of ids")
    .action(async (images: string[], { force }: { force?: true }, command: Command) => {
      await withStore(command, (store, daemon) =>
        interruptible(async (signal) => {
          const later = await lockedBy(store, daemon, signal, async (lock, used) => {
            const later: string[] = [];
            for (const image of images) {
              signal.throwIfAborted();
              try {
                const removed = await removeImage(store, lock, image, used, { force, signal });
                show(removed);
                later.push(...removed.later);
              } catch (error) {
                signal.throwIfAborted();
                printError(error);
                // As docker has it: with --force it only had to be gone.
                if (!force || !(error instanceof ImageNotFoundError)) {
                  Deno.exitCode = exitCodeOf(error);
                }
              }
            }
            return later;
          });
          // Those who used the store may have let go of it. What others have left is no failure of this.
          await removeMarked(store, () => usedImages(daemon), showDeleted).catch(printError);
          sayLater(store, later);
        }));
    });
}

interface PruneImagesFlags {
  readonly all?: true;
  readonly filter?: readonly PruneFilter[];
}

/** `berth image prune` */
export function pruneImagesCommand(): Command {
  return withSocket(verb(
    "prune",
    "Remove images that have no name and no container",
    "berth image prune",
    "berth image prune --all --filter until=24h",
  ))
    .option("-a, --all", "also those with a name, if no container uses them")
    .option("-f, --force", "do not ask for confirmation (it never does)")
    .option(
      "--filter <key=value>",
      "only those made before until=TIME, or with label=KEY[=VALUE] or label!=…; may be repeated",
      collectParsed(parsePruneFilter),
    )
    .action(async ({ all, filter = [] }: PruneImagesFlags, command: Command) => {
      await withStore(command, (store, daemon) =>
        interruptible(async (signal) => {
          const wanted = (image: StoredImage) => filter.every((passes) => passes(store, image));
          const how = { all, wanted, signal, onLayers: reportLayers };
          const removed = await lockedBy(store, daemon, signal, (lock, used) =>
            pruneImages(store, lock, used, how));
          show(removed);
          const rest = { onLayers: reportLayers, onRemoved: showDeleted };
          const free = await removeUnusable(store, () =>
            usedImages(daemon), rest);
          sayLater(store, removed.later);
          if (!free && store.graph.orphanLayers().length > 0) {
            printStderr(LAYERS_STAY);
          }
        }));
    });
}

/** Said by a prune that cannot know which layers of no image a pull is about to use. */
const LAYERS_STAY =
  "Layers that belong to no image stay while a pull or a run is under way: prune again when it has ended.";

/** Runs `remove` with the store to itself, or beside those who use it, if they go on. */
async function lockedBy<T>(
  store: ImageStore,
  daemon: DaemonConnection,
  signal: AbortSignal,
  remove: (lock: StoreLock, used: UsedImages) => Promise<T>,
): Promise<T> {
  const sayWait = () => printStderr("Waiting for another command that removes images.");
  using lock = await store.lock.aloneIfFree(sayWait, signal);
  return await remove(lock, await usedImages(daemon));
}

function show({ names, ids }: Removed): void {
  for (const name of names) print(`Untagged: ${shortName(name)}`);
  ids.forEach(showDeleted);
}

function showDeleted(id: string): void {
  print(`Deleted: ${id}`);
}

/** Prints which of the marked images still wait for their removal, because others might use them. */
function sayLater(store: ImageStore, later: readonly string[]): void {
  const waiting = later.filter((id) => store.marks.list().includes(id)).map(shortId).join(", ");
  if (waiting === "") return;
  printStderr(
    `The layers of ${waiting} are removed when the pull or the run that is under way has ended.`,
  );
}
