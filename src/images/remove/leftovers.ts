// SPDX-License-Identifier: MIT
// Removes marked images and the leftovers of pulls.
import { ImageError } from "../image_errors.ts";
import { checkImage } from "../check_image.ts";
import type { StoredImage } from "../store/graph.ts";
import type { ImageStore } from "../store/image_store.ts";
import { removeOrphanLayers } from "./orphan_layers.ts";
import type { UsedImages } from "./remove.ts";
import { removeFromStore } from "./steps.ts";

/** Called with the id of each image that was removed. */
type OnRemoved = (id: string) => void;

/**
 * Removes the images that are marked and have no name any more, unless a container uses them or the
 * store is in use; then a later call does it. An image that cannot be removed stays marked. The others
 * are tried nevertheless.
 *
 * @throws the first failure of a removal, when all have been tried.
 */
export async function removeMarked(
  store: ImageStore,
  used: () => Promise<UsedImages>,
  onRemoved?: OnRemoved,
): Promise<void> {
  if (store.marks.list().length === 0) return;
  using alone = await store.lock.tryAlone();
  if (alone !== undefined) await removeMarkedAlone(store, used, onRemoved);
}

async function removeMarkedAlone(
  store: ImageStore,
  used: () => Promise<UsedImages>,
  onRemoved?: OnRemoved,
): Promise<void> {
  const marked = store.marks.list();
  if (marked.length === 0) return;
  const users = await used();
  const names = store.names.list();
  await tryAll(marked.map((id) => async () => {
    const image = store.graph.image(id);
    const kept = users.has(id) || names.some((name) => name.id === id);
    if (image !== undefined && !kept) {
      await removeFromStore(store, image);
      onRemoved?.(id);
    }
    store.marks.remove(id);
  }));
}

/** Takes each step, whether or not those before it have failed; then throws the first failure. */
async function tryAll(steps: readonly (() => Promise<void>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const step of steps) await step().catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}

/** Listeners for what {@linkcode removeUnusable} removes. */
export interface UnusableOptions {
  /** Called before layers are removed that belong to no image. */
  readonly onLayers?: (count: number) => void;
  /** Called with the id of each marked image that was removed. */
  readonly onRemoved?: OnRemoved;
}

/**
 * Removes the leftovers of pulls that were killed, that failed or whose image cannot be run, and the
 * images that are marked. Does nothing while the store is in use; then a later call does it. Returns
 * whether the store was not in use.
 *
 * @throws the first failure of a removal, when all have been tried.
 */
export async function removeUnusable(
  store: ImageStore,
  used: () => Promise<UsedImages>,
  { onLayers, onRemoved }: UnusableOptions = {},
): Promise<boolean> {
  using alone = await store.lock.tryAlone();
  if (alone === undefined) return false;
  await tryAll([
    async () => void await removeRefusedAlone(store),
    () => removeOrphanLayers(store, { onLayers }),
    () => removeMarkedAlone(store, used, onRemoved),
  ]);
  return true;
}

/**
 * Removes the images that cannot be run and were left by pulls, unless the store is in use: skopeo
 * stores no other one of the same config beside them. Returns whether one was removed.
 */
export async function removeRefused(store: ImageStore): Promise<boolean> {
  if (refusedImages(store).length === 0) return false;
  using alone = await store.lock.tryAlone();
  return alone !== undefined && await removeRefusedAlone(store);
}

async function removeRefusedAlone(store: ImageStore): Promise<boolean> {
  const refused = refusedImages(store);
  await tryAll(refused.map((image) => () => removeFromStore(store, image)));
  return refused.length > 0;
}

/** Returns the images that cannot be run; one that was just stored may not have its name yet. */
function refusedImages(store: ImageStore): StoredImage[] {
  const names = store.names.list();
  return store.graph.images().filter((image) =>
    !names.some(({ id }) => id === image.id) && !canRun(store, image)
  );
}

function canRun(store: ImageStore, image: StoredImage): boolean {
  try {
    checkImage(store, image);
    return true;
  } catch (error) {
    if (error instanceof ImageError || error instanceof SyntaxError) return false;
    throw error;
  }
}
