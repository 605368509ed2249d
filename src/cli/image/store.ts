// SPDX-License-Identifier: MIT
// Opens the image store of a daemon for a command, and cleans it up after it.
import type { Command } from "commander";
import { removeRefused, removeUnusable } from "../../images/remove/leftovers.ts";
import type { UsedImages } from "../../images/remove/remove.ts";
import { ImageStore } from "../../images/store/image_store.ts";
import { type DaemonConnection, withDaemon } from "../common/daemon.ts";
import { listAllContainers } from "../common/containers.ts";
import { printError, printStderr } from "../text/print.ts";
import { IMAGE_ID_LABEL } from "../common/labels.ts";

/** A daemon, and the root directory below which its images are. */
export interface DaemonRoot {
  readonly daemon: DaemonConnection;
  readonly root: string;
}

/** Runs `use` with the image store of the daemon that the command line names. */
export async function withStore(
  command: Command,
  use: (store: ImageStore, daemon: DaemonConnection) => Promise<void>,
): Promise<void> {
  await withDaemon(command, async (daemon) => {
    const { root } = await daemon.call("daemon.info", {});
    await use(await ImageStore.open(root), daemon);
  });
}

/**
 * Runs `use` while no layer is removed, and removes afterwards what pulls have left that did not end
 * well, and what was to be removed meanwhile.
 */
export async function whileUsing<T>(
  { store, daemon }: { readonly store: ImageStore; readonly daemon: DaemonConnection },
  use: () => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  await removeRefused(store).catch(printError);
  try {
    using _used = await store.lock.use(signal);
    return await use();
  } finally {
    await cleanUp(store, daemon);
  }
}

/**
 * Removes what pulls have left that did not end well, and what was to be removed while the store was in
 * use. An error is printed: what it leaves, the next command removes.
 */
export async function cleanUp(store: ImageStore, daemon: DaemonConnection): Promise<void> {
  await removeUnusable(store, () => usedImages(daemon), { onLayers: reportLayers }).catch(
    printError,
  );
}

/** So many layers take a while to be removed, which is told. */
const MANY_LAYERS = 20;

/** Prints why a command does not end yet, where it removes many layers. */
export function reportLayers(count: number): void {
  if (count < MANY_LAYERS) return;
  printStderr(`Removing ${count} layers of images that were not pulled to the end.`);
}

/** Returns the containers of each image, by the image's id. */
export async function usedImages(daemon: DaemonConnection): Promise<UsedImages> {
  const used = new Map<string, string[]>();
  const containers = await listAllContainers(daemon);
  for (const { id, labels } of containers) {
    const image = labels[IMAGE_ID_LABEL];
    if (image !== undefined) used.set(image, [...used.get(image) ?? [], id]);
  }
  return used;
}
