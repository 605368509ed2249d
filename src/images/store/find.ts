// SPDX-License-Identifier: MIT
import { ImageError, ImageNotFoundError } from "../image_errors.ts";
import { parseReference } from "../reference.ts";
import type { StoredImage } from "./graph.ts";
import type { ImageStore } from "./image_store.ts";

/** An image that was found, and the name that it was found by. */
export interface FoundImage {
  readonly image: StoredImage;
  /** The name; undefined where it was found by its id. */
  readonly name: string | undefined;
}

/** The fewest digits of an id that are taken for one. */
const MIN_ID = 4;

/**
 * Finds an image by a name, as {@linkcode parseReference} reads it, by its id, or by the beginning of
 * its id. A name wins over an id, as with docker.
 *
 * @throws {ImageNotFoundError} if there is none.
 * @throws {ImageError} if several ids begin like this.
 */
export function findImage(store: ImageStore, text: string): FoundImage {
  const images = store.graph.images();
  const named = nameOf(store, text);
  const byName = images.find(({ id }) => id === named?.id);
  if (named !== undefined && byName !== undefined) return { image: byName, name: named.name };
  const digits = text.replace(/^sha256:/, "");
  const byId = /^[0-9a-f]+$/.test(digits) && digits.length >= MIN_ID
    ? images.filter(({ id }) => id.startsWith(digits))
    : [];
  if (byId.length > 1) throw new ImageError(`${text} is the beginning of several images' ids`);
  const [image] = byId;
  if (image === undefined) throw new ImageNotFoundError(`no image ${text} here`);
  return { image, name: undefined };
}

function nameOf(store: ImageStore, text: string) {
  try {
    return store.names.get(parseReference(text).name);
  } catch (error) {
    // An id need not be a name.
    if (error instanceof ImageError) return undefined;
    throw error;
  }
}
