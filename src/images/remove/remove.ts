// SPDX-License-Identifier: MIT
// Removes names and images, one by one or all that nobody uses.
import { ImageInUseError } from "../image_errors.ts";
import { shortId, shortName } from "../reference.ts";
import { checkSkopeo } from "../skopeo.ts";
import { findImage } from "../store/find.ts";
import type { StoredImage } from "../store/graph.ts";
import type { ImageStore } from "../store/image_store.ts";
import type { StoreLock } from "../store/layer_lock.ts";
import { isFull } from "../store/reserve.ts";
import { removeOrphanLayers } from "./orphan_layers.ts";
import { removeFromStore, removeNames } from "./steps.ts";

/** The containers of each image, by the image's id. */
export type UsedImages = ReadonlyMap<string, readonly string[]>;

/** The names and images that were removed. */
export interface Removed {
  /** Names that were taken away. */
  readonly names: readonly string[];
  /** Ids of images whose layers were removed. */
  readonly ids: readonly string[];
  /** Ids of images that {@linkcode removeMarked} removes. */
  readonly later: readonly string[];
}

/** Options of {@linkcode removeImage}. */
export interface RemoveImageOptions {
  /** Whether an image that a container uses loses its names, too; its layers stay in any case. */
  readonly force?: boolean | undefined;
  readonly signal?: AbortSignal;
}

/**
 * Removes a name of an image, and the image with its last name. Given an id, removes all its names.
 * The layers stay for {@linkcode removeMarked} where the caller does not hold the store alone.
 *
 * @throws {ImageNotFoundError} if there is no such image.
 * @throws {SkopeoMissingError} if it takes skopeo; the names stay.
 * @throws {ImageInUseError} if a container uses the image, and there is no `force` or no name to take.
 * @throws the signal's reason.
 */
export async function removeImage(
  store: ImageStore,
  { alone }: Pick<StoreLock, "alone">,
  text: string,
  used: UsedImages,
  { force = false, signal }: RemoveImageOptions = {},
): Promise<Removed> {
  const { image, name } = findImage(store, text);
  const names = store.names.list().filter(({ id }) => id === image.id).map(({ name }) => name);
  if (name !== undefined && names.length > 1) {
    await removeNames(store, [name]);
    return { names: [name], ids: [], later: [] };
  }
  const users = used.get(image.id);
  if (users !== undefined) {
    // Its containers need the layers: force does not go so far.
    if (!force || names.length === 0) {
      throw inUse(name ?? shortId(image.id), users, names);
    }
    await removeNames(store, names);
    return { names, ids: [], later: [] };
  }
  return await removeNamed(store, { alone, signal }, names, [image]);
}

function inUse(
  name: string,
  users: readonly string[],
  names: readonly string[],
): ImageInUseError {
  const containers = users.length === 1 ? "the container" : "the containers";
  const its = names.length === 1 ? "its name" : "its names";
  const only = names.length === 0 ? "" : `; --force removes only ${its}`;
  return new ImageInUseError(
    `cannot remove image ${shortName(name)}: used by ${users.join(", ")}; ` +
      `remove ${containers} first, as by berth rm ${users.join(" ")}${only}`,
  );
}

/** The images that {@linkcode pruneImages} removes, and its signal and listener. */
export interface PruneOptions {
  /** Whether images with a name are removed, too. */
  readonly all?: boolean | undefined;
  /** Which of these images are removed. Default: each. */
  readonly wanted?: (image: StoredImage) => boolean;
  readonly signal?: AbortSignal;
  /** Called before layers are removed that belong to no image. */
  readonly onLayers?: (count: number) => void;
}

/**
 * Removes the images that have no name any more and that no container uses; with `all` also those
 * with a name. The layers stay for {@linkcode removeMarked} where the caller does not hold the store
 * alone.
 *
 * @throws the signal's reason.
 */
export async function pruneImages(
  store: ImageStore,
  { alone }: Pick<StoreLock, "alone">,
  used: UsedImages,
  { all = false, wanted = () => true, signal, onLayers }: PruneOptions = {},
): Promise<Removed> {
  const names = store.names.list();
  const gone = store.graph.images().filter((image) =>
    !used.has(image.id) && (all || !names.some(({ id }) => id === image.id)) && wanted(image)
  );
  const lost = names.filter(({ id }) => gone.some((image) => image.id === id));
  const removed = await removeNamed(store, { alone, signal }, lost.map(({ name }) => name), gone);
  if (alone) await removeOrphanLayers(store, { signal, onLayers });
  return removed;
}

/** Removes images and all their names, or marks them where others use the store. */
async function removeNamed(
  store: ImageStore,
  { alone, signal }: { readonly alone: boolean; readonly signal: AbortSignal | undefined },
  names: readonly string[],
  images: readonly StoredImage[],
): Promise<Removed> {
  const ids = images.map(({ id }) => id);
  if (ids.length > 0) checkSkopeo();
  if (!alone) {
    // The mark first: an image with a name is not removed for it.
    for (const image of images) {
      await store.reserve.use(() => store.marks.add(image.id));
    }
    await removeNames(store, names);
    return { names, ids: [], later: ids };
  }
  let full = false;
  try {
    // The name first: an image without one is removed by the next prune, a name without one is not.
    await removeNames(store, names);
  } catch (error) {
    if (!isFull(error)) throw error;
    full = true;
  }
  for (const image of images) await removeFromStore(store, image, signal);
  // The layers have made room.
  if (full) await removeNames(store, names);
  return { names, ids, later: [] };
}
