// SPDX-License-Identifier: MIT
import { isExhausted } from "../linux/libc/errno.ts";
import { DiskFullError, ImageError, ImageInUseError } from "./errors.ts";
import { findImage } from "./find.ts";
import { OciLayout } from "./oci_layout.ts";
import { checkImage, ownPolicy } from "./pull.ts";
import { shortName } from "./reference.ts";
import { checkSkopeo, runSkopeo } from "./skopeo.ts";
import type { ImageStore, StoredImage, StoredLayer, StoreLock } from "./store.ts";

/** The containers of each image, by the image's id. */
export type UsedImages = ReadonlyMap<string, readonly string[]>;

/** What was removed. */
export interface Removed {
  /** Names that were taken away. */
  readonly names: readonly string[];
  /** Ids of images whose layers were removed. */
  readonly ids: readonly string[];
  /** Ids of images that {@linkcode removeMarked} removes. */
  readonly later: readonly string[];
}

/** Options of {@linkcode removeImage}. */
export interface RemoveOptions {
  /** Whether an image that a container uses loses its names, too; its layers stay in any case. */
  readonly force?: boolean;
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
  { force = false, signal }: RemoveOptions = {},
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
      throw inUse(name ?? image.id.slice(0, SHORT_ID), users, names);
    }
    await removeNames(store, names);
    return { names, ids: [], later: [] };
  }
  return await removeNamed(store, { alone, ...signal && { signal } }, names, [image]);
}

/** The digits of an id that people see. */
const SHORT_ID = 12;

function inUse(
  name: string,
  users: readonly string[],
  names: readonly string[],
): ImageInUseError {
  const containers = users.length === 1 ? "the container" : "the containers";
  const only = names.length === 0 ? "" : "; --force removes only its name";
  return new ImageInUseError(
    `cannot remove image ${shortName(name)}: used by ${users.join(", ")}; ` +
      `remove ${containers} first, as by berth rm ${users.join(" ")}${only}`,
  );
}

/** Options of {@linkcode pruneImages}. */
export interface PruneOptions {
  /** Whether images with a name are removed, too. */
  readonly all?: boolean;
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
  { all = false, signal, onLayers }: PruneOptions = {},
): Promise<Removed> {
  const names = store.names.list();
  const gone = store.images().filter(({ id }) =>
    !used.has(id) && (all || !names.some((name) => name.id === id))
  );
  const lost = names.filter(({ id }) => gone.some((image) => image.id === id));
  const how = { alone, ...signal && { signal } };
  const removed = await removeNamed(store, how, lost.map(({ name }) => name), gone);
  if (alone) await removeOrphanLayers(store, { signal, onLayers });
  return removed;
}

/** Called with the id of each image that was removed. */
type OnRemoved = (id: string) => void;

/**
 * Removes the images that are marked and have no name any more, unless a container uses them or the
 * store is in use; then a later call does it. An image that cannot be removed stays marked, and keeps no
 * other one.
 *
 * @throws what the first failure of a removal was, when all have been tried.
 */
export async function removeMarked(
  store: ImageStore,
  used: () => Promise<UsedImages>,
  onRemoved?: OnRemoved,
): Promise<void> {
  if (store.marked().length === 0) return;
  using alone = await store.tryUseAlone();
  if (alone !== undefined) await removeMarkedAlone(store, used, onRemoved);
}

async function removeMarkedAlone(
  store: ImageStore,
  used: () => Promise<UsedImages>,
  onRemoved?: OnRemoved,
): Promise<void> {
  const marked = store.marked();
  if (marked.length === 0) return;
  const users = await used();
  const names = store.names.list();
  await tryAll(marked.map((id) => async () => {
    const image = store.image(id);
    const kept = users.has(id) || names.some((name) => name.id === id);
    if (image !== undefined && !kept) {
      await removeFromStore(store, image);
      onRemoved?.(id);
    }
    store.unmark(id);
  }));
}

/** Takes each step, whether or not those before it have failed; then throws the first failure. */
async function tryAll(steps: readonly (() => Promise<void>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const step of steps) await step().catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}

/** Options of {@linkcode removeUnusable}. */
export interface UnusableOptions {
  /** Called before layers are removed that belong to no image. */
  readonly onLayers?: (count: number) => void;
  /** Called with the id of each marked image that was removed. */
  readonly onRemoved?: OnRemoved;
}

/**
 * Removes what pulls have left that were killed, that failed or whose image cannot be run, and what
 * is marked, unless the store is in use; then a later call does it. Returns whether the store was not in
 * use.
 *
 * @throws what the first failure of a removal was, when all have been tried.
 */
export async function removeUnusable(
  store: ImageStore,
  used: () => Promise<UsedImages>,
  { onLayers, onRemoved }: UnusableOptions = {},
): Promise<boolean> {
  using alone = await store.tryUseAlone();
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
  using alone = await store.tryUseAlone();
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
  return store.images().filter((image) =>
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

/**
 * Removes the layers that belong to no image. skopeo removes only images: so they are made one first,
 * which it finds complete already. Layers that were not unpacked wholly it removes by itself then.
 */
async function removeOrphanLayers(
  store: ImageStore,
  { signal, onLayers }: {
    readonly signal?: AbortSignal | undefined;
    readonly onLayers?: ((count: number) => void) | undefined;
  },
): Promise<void> {
  store.removeProbes();
  const orphans = new Map(store.orphanLayers().map((layer) => [layer.id, layer]));
  if (orphans.size === 0) return;
  onLayers?.(orphans.size);
  const whole = [...orphans.values()].filter(({ digest }) => digest !== undefined);
  const parents = new Set(whole.map(({ parent }) => parent));
  const tops = whole.filter(({ id }) => !parents.has(id));
  for (const top of tops.length > 0 ? tops : [undefined]) {
    await withRoom(store, () => removeLayers(store, top, signal));
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
    const layers = top === undefined ? [] : store.layersBelow(top.id).reverse();
    // No blob is there: none is read of a layer that is in the store.
    await layout.finish(layers.map(({ digest = "", size }) => ({ digest, size })));
    const name = store.location("localhost/berth/leftover:latest");
    await runSkopeo(
      ["--policy", ownPolicy(store), "--tmpdir", dir, "copy", layout.source, name],
      { env: { TMPDIR: dir }, ...(signal && { signal }) },
    );
    await runSkopeo(["delete", name], { ...(signal && { signal }) });
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

/** Removes images and all their names, or marks them where others use the store. */
async function removeNamed(
  store: ImageStore,
  { alone, signal }: { readonly alone: boolean; readonly signal?: AbortSignal },
  names: readonly string[],
  images: readonly StoredImage[],
): Promise<Removed> {
  const ids = images.map(({ id }) => id);
  if (ids.length > 0) checkSkopeo();
  if (!alone) {
    // The mark first: an image with a name is not removed for it.
    for (const image of images) {
      await withRoom(store, () => store.markRemoved(image));
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

async function removeFromStore(
  store: ImageStore,
  { id }: StoredImage,
  signal?: AbortSignal,
): Promise<void> {
  const args = ["delete", store.location(`@${id}`)];
  await withRoom(store, () => runSkopeo(args, { ...(signal && { signal }) }));
}

async function removeNames(store: ImageStore, names: readonly string[]): Promise<void> {
  await withRoom(store, () => store.names.remove(names));
}

/** Runs a step of a removal, which writes lists anew; on a full disk again, in the store's reserve. */
async function withRoom<T>(store: ImageStore, step: () => T | Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (!isFull(error) || !store.spendReserve()) throw error;
    return await step();
  }
}

function isFull(error: unknown): boolean {
  return isExhausted(error) || error instanceof DiskFullError;
}
