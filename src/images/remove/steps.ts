// SPDX-License-Identifier: MIT
// The steps of a removal, which also work on a full disk.
import { isExhausted } from "../../linux/libc/errno.ts";
import { DiskFullError } from "../errors.ts";
import { runSkopeo } from "../skopeo.ts";
import type { StoredImage } from "../store/graph.ts";
import type { ImageStore } from "../store/image_store.ts";

/** Removes an image from the store, with the layers that no other one has. */
export async function removeFromStore(
  store: ImageStore,
  { id }: StoredImage,
  signal?: AbortSignal,
): Promise<void> {
  const args = ["delete", store.graph.location(`@${id}`)];
  await withRoom(store, () => runSkopeo(args, { signal }));
}

/** Takes names away. */
export async function removeNames(store: ImageStore, names: readonly string[]): Promise<void> {
  await withRoom(store, () => store.names.remove(names));
}

/** Runs a step of a removal, which writes lists anew. On a full disk repeats it in the store's reserve. */
export async function withRoom<T>(store: ImageStore, step: () => T | Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (!isFull(error) || !store.reserve.spend()) throw error;
    return await step();
  }
}

/** Returns whether a step failed because disk space, fds or memory have run out. */
export function isFull(error: unknown): boolean {
  return isExhausted(error) || error instanceof DiskFullError;
}
