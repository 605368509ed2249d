// SPDX-License-Identifier: MIT
// Checks that a stored image can be run.
import { ImageError } from "./image_errors.ts";
import { type ImageConfig, parseImageConfig } from "./image_config.ts";
import type { StoredImage } from "./store/graph.ts";
import type { ImageStore } from "./store/image_store.ts";

/** How many directories the kernel mounts as one overlay (OVL_MAX_STACK, fs/overlayfs/params.h). */
export const MAX_LAYERS = 500;

/** The message for an image with more. */
export const TOO_MANY_LAYERS = `it has more than ${MAX_LAYERS} layers, which is the kernel's limit`;

/**
 * Checks that a stored image can be run, and returns its config: the config is for Linux, and the layers
 * are those that it names. skopeo checks the digests of blobs. The digests of the layers in them
 * (`diff_ids`), which skopeo computed while it unpacked them, are checked here.
 *
 * @throws {ImageError} if it cannot be run.
 */
export function checkImage(store: ImageStore, image: StoredImage): ImageConfig {
  const config = parseImageConfig(store.graph.configText(image));
  const { diffIds } = config;
  const layers = store.graph.layersOf(image).map(({ digest }) => digest).reverse();
  if (layers.length > MAX_LAYERS) throw new ImageError(TOO_MANY_LAYERS);
  if (diffIds === undefined) return config;
  if (layers.length === diffIds.length && layers.every((digest, at) => digest === diffIds[at])) {
    return config;
  }
  throw new ImageError("its layers are not those that its config names");
}
