// SPDX-License-Identifier: MIT
import { OciLayout } from "../oci_layout.ts";
import { ownPolicy } from "../policy.ts";
import { runSkopeo } from "../skopeo.ts";
import type { StoredLayer } from "../store/graph.ts";
import type { ImageStore } from "../store/image_store.ts";
import { removeFromStore } from "./steps.ts";

/**
 * Removes the layers that belong to no image, and the images that were not stored to the end. skopeo
 * removes only images: so layers are made one first, which it finds complete already. Layers that were
 * not unpacked wholly it removes by itself then. Only for one who has the store alone.
 */
export async function removeOrphanLayers(
  store: ImageStore,
  { signal, onLayers }: {
    readonly signal?: AbortSignal | undefined;
    readonly onLayers?: ((count: number) => void) | undefined;
  },
): Promise<void> {
  store.graph.removeTemporaries();
  const count = store.graph.orphanLayers().length;
  if (count > 0) onLayers?.(count);
  // With their layers, unless another image has these too.
  for (const id of store.graph.unfinishedImages()) await removeFromStore(store, { id }, signal);
  const orphans = store.graph.orphanLayers();
  if (orphans.length === 0) return;
  const whole = orphans.filter(({ digest }) => digest !== undefined);
  const parents = new Set(whole.map(({ parent }) => parent));
  const tops = whole.filter(({ id }) => !parents.has(id));
  for (const top of tops.length > 0 ? tops : [undefined]) {
    await store.reserve.use(() => removeLayers(store, top, signal));
  }
}

/** Removes a layer and those below it that nothing else needs. */
async function removeLayers(
  store: ImageStore,
  top: StoredLayer | undefined,
  signal?: AbortSignal,
): Promise<void> {
  const dir = Deno.makeTempDirSync({ dir: store.temporary });
  try {
    const layout = new OciLayout(dir);
    const layers = top === undefined ? [] : store.graph.layersBelow(top.id).reverse();
    // No blob is there: none is read of a layer that is in the store.
    await layout.finish(layers.map(({ digest = "", size }) => ({ digest, size })));
    const name = store.graph.location("localhost/berth/leftover:latest");
    await runSkopeo(
      ["--policy", ownPolicy(store), "--tmpdir", dir, "copy", layout.source, name],
      { env: { TMPDIR: dir }, signal },
    );
    await runSkopeo(["delete", name], { signal });
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}
