// SPDX-License-Identifier: MIT
import { isExhausted } from "../linux/libc/errno.ts";
import { ImageInUseError } from "./errors.ts";
import { findImage } from "./find.ts";
import { shortName } from "./reference.ts";
import { runSkopeo } from "./skopeo.ts";
import type { ImageStore, StoredImage } from "./store.ts";

/** The containers of each image, by the image's id. */
export type UsedImages = ReadonlyMap<string, readonly string[]>;

/** What was removed. */
export interface Removed {
  /** Names that were taken away. */
  readonly names: readonly string[];
  /** Ids of images whose layers were removed. */
  readonly ids: readonly string[];
}

/**
 * Removes a name of an image, and the image with its last name. Given an id, removes all its names.
 * The caller holds the store's {@linkcode ImageStore.useAlone}.
 *
 * @throws {ImageNotFoundError} if there is no such image.
 * @throws {ImageInUseError} if a container would lose its image.
 */
export async function removeImage(
  store: ImageStore,
  text: string,
  used: UsedImages,
): Promise<Removed> {
  const { image, name } = findImage(store, text);
  const names = store.names.list().filter(({ id }) => id === image.id).map(({ name }) => name);
  if (name !== undefined && names.length > 1) {
    await store.names.remove([name]);
    return { names: [name], ids: [] };
  }
  const users = used.get(image.id);
  if (users !== undefined) {
    throw new ImageInUseError(
      `cannot remove image ${shortName(name ?? image.id.slice(0, 12))}: ` +
        `used by ${users.join(", ")}; remove the container first`,
    );
  }
  // The name first: an image without one is removed by the next prune, a name without one is not.
  try {
    await store.names.remove(names);
    await removeFromStore(store, image);
  } catch (error) {
    if (!isExhausted(error)) throw error;
    // The disk is full, which removing the layers mends.
    await removeFromStore(store, image);
    await store.names.remove(names);
  }
  return { names, ids: [image.id] };
}

/**
 * Removes the images that have no name any more and that no container uses; with `all` also those
 * with a name. The caller holds the store's {@linkcode ImageStore.useAlone}.
 */
export async function pruneImages(
  store: ImageStore,
  used: UsedImages,
  { all = false }: { readonly all?: boolean } = {},
): Promise<Removed> {
  const names = store.names.list();
  const gone = store.images().filter(({ id }) =>
    !used.has(id) && (all || !names.some((name) => name.id === id))
  );
  const lost = names.filter(({ id }) => gone.some((image) => image.id === id));
  await store.names.remove(lost.map(({ name }) => name));
  for (const image of gone) await removeFromStore(store, image);
  return { names: lost.map(({ name }) => name), ids: gone.map(({ id }) => id) };
}

async function removeFromStore(store: ImageStore, { id }: StoredImage): Promise<void> {
  await runSkopeo(["delete", store.location(`@${id}`)]);
}
