// SPDX-License-Identifier: MIT
// The steps of a removal, which also work on a full disk.
import { runSkopeo } from "../skopeo.ts";
import type { StoredImage } from "../store/graph.ts";
import type { ImageStore } from "../store/image_store.ts";

/** Removes an image from the store, with the layers that no other one has. */
export async function removeFromStore(
  store: ImageStore,
  { id }: Pick<StoredImage, "id">,
  signal?: AbortSignal,
): Promise<void> {
  const args = ["delete", store.graph.location(`@${id}`)];
  await store.reserve.use(async () => {
    store.graph.repairLinks();
    await runSkopeo(args, { signal });
  });
}

/** Takes names away. */
export async function removeNames(store: ImageStore, names: readonly string[]): Promise<void> {
  await store.reserve.use(() => store.names.remove(names));
}
