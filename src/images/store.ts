// SPDX-License-Identifier: MIT
import { sleep } from "../linux/event_loop/timer.ts";
import { FileLock } from "../linux/fd/file_lock.ts";
import { exists } from "../linux/fs/exists.ts";
import { removeFile } from "../linux/fs/remove_file.ts";
import { tryStat } from "../linux/fs/try_stat.ts";
import { isExhausted } from "../linux/libc/errno.ts";
import { unmountAll } from "../linux/mount/unmount.ts";
import { isRecord } from "../rpc/is_record.ts";
import { ImageError } from "./errors.ts";
import { ImageNames } from "./image_names.ts";

/** Names such as `metacopy-check348747840` and `compat2953465`, of what is no layer. */
const PROBE = /(?:check|compat)\d+$/;

/** So many bytes are kept for the removal of images on a full disk: each list is written anew. */
const RESERVE = 1024 * 1024;

/**
 * What a path must not have that containers-storage takes: it splits its own names at these, and
 * options of overlays, which it does not escape.
 */
const NO_PATH = /[,:\\+@[\]\n]/;

/**
 * How long one who removes images waits for those who use some, in milliseconds: a run whose image is
 * there takes less.
 */
const PATIENCE_MS = 1_000;
/** How long one waits who removes only what is left, in milliseconds: longer than a look at images. */
const SHORT_PATIENCE_MS = 300;
/** How long it waits between two tries. */
const RETRY_MS = 20;

/** A lock on the store. */
export interface StoreLock extends Disposable {
  /** Whether nobody else uses the store. */
  readonly alone: boolean;
}

/** An image in the store. */
export interface StoredImage {
  /** SHA-256 of its config, in hexadecimal. */
  readonly id: string;
  /** Digest of its manifest. */
  readonly digest: string;
  /** Its topmost layer; undefined where it has none. */
  readonly layer: string | undefined;
  /** Names in the store: not those that people gave. */
  readonly names: readonly string[];
}

/** A layer in the store. */
export interface StoredLayer {
  readonly id: string;
  /** The layer below. */
  readonly parent: string | undefined;
  /** Digest of it as a tar archive; undefined where it was not unpacked wholly. */
  readonly digest: string | undefined;
  /** Size of what is unpacked, in bytes. */
  readonly size: number;
}

/**
 * The directory of images: a graph of containers-storage that skopeo writes, whose files are read
 * here. Two locks keep it whole: `lock` is held by several who use images, or alone by one who
 * removes layers; the one of {@linkcode ImageNames} while names change. What is to be removed while
 * others use the store is marked ({@linkcode markRemoved}) and loses its names: whoever lets go of the
 * store last removes its layers.
 */
export class ImageStore {
  /** Holds everything. */
  readonly dir: string;
  /** The names that people gave. */
  readonly names: ImageNames;

  private constructor(dir: string) {
    this.dir = dir;
    this.names = new ImageNames(`${dir}/names.json`);
  }

  /**
   * Opens the store below the daemon's root directory and makes it if it is not there. What a pull
   * that was killed has left is removed, unless the store is in use.
   *
   * @throws {ImageError} for a user who may not write there, and for a root directory with characters
   *   that containers-storage does not take.
   */
  static open(root: string): ImageStore {
    const bad = NO_PATH.exec(root)?.[0];
    if (bad !== undefined) {
      throw new ImageError(
        `images need a root directory of the daemon without ${JSON.stringify(bad)}: ${root}`,
      );
    }
    const store = new ImageStore(`${root}/images`);
    try {
      for (const dir of [store.dir, store.temporary]) {
        Deno.mkdirSync(dir, { recursive: true, mode: 0o700 });
      }
      store.#removeLeftTemporary();
      store.#keepReserve();
    } catch (error) {
      if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
      throw new ImageError(`permission denied on ${store.dir}: only root may use images`, {
        cause: error,
      });
    }
    return store;
  }

  /** Where skopeo keeps what it has not stored yet. */
  get temporary(): string {
    return `${this.dir}/tmp`;
  }

  get #reserve(): string {
    return `${this.dir}/reserve`;
  }

  /** Reserves room for the removal of images, as far as there is room. */
  #keepReserve(): void {
    if (tryStat(this.#reserve)?.size === RESERVE) return;
    try {
      Deno.writeFileSync(this.#reserve, new Uint8Array(RESERVE));
    } catch (error) {
      if (!isExhausted(error)) throw error;
      // As much as there was room for: others need it more.
      removeFile(this.#reserve);
    }
  }

  /** Frees the room that was reserved; returns whether there was some. The next command reserves anew. */
  spendReserve(): boolean {
    const reserved = exists(this.#reserve);
    removeFile(this.#reserve);
    return reserved;
  }

  get #lock(): string {
    return `${this.dir}/lock`;
  }

  get #graph(): string {
    return `${this.dir}/storage`;
  }

  /** Keeps layers from being removed until it is disposed of. Names are no layers. */
  use(signal?: AbortSignal): Promise<Disposable> {
    return FileLock.lock(this.#lock, { shared: true, ...(signal && { signal }) });
  }

  /**
   * Keeps others out until it is disposed of, where the store is not in use or is only looked at; else
   * undefined, after a short while.
   */
  tryUseAlone(): Promise<Disposable | undefined> {
    return this.#aloneWithin(SHORT_PATIENCE_MS);
  }

  async #aloneWithin(patience: number, signal?: AbortSignal): Promise<Disposable | undefined> {
    for (const deadline = performance.now() + patience;;) {
      const lock = FileLock.tryLock(this.#lock);
      if (lock !== undefined || performance.now() > deadline) return lock;
      await sleep(RETRY_MS);
      signal?.throwIfAborted();
    }
  }

  /**
   * Keeps others out until it is disposed of, if nobody uses the store or all let go of it within a
   * second; else only keeps layers from being removed meanwhile. Calls `onWait` before it waits for one
   * who removes some.
   *
   * @throws the signal's reason.
   */
  async useAloneIfFree(onWait: () => void, signal: AbortSignal): Promise<StoreLock> {
    const held = (lock: Disposable, alone: boolean) => ({
      alone,
      [Symbol.dispose]: () => lock[Symbol.dispose](),
    });
    let patience = PATIENCE_MS;
    for (let told = false;; told = true) {
      const alone = await this.#aloneWithin(patience, signal);
      if (alone !== undefined) return held(alone, true);
      const shared = FileLock.tryLock(this.#lock, { shared: true });
      if (shared !== undefined) return held(shared, false);
      if (!told) onWait();
      patience = RETRY_MS;
    }
  }

  get #marks(): string {
    return `${this.dir}/removed`;
  }

  /** Marks an image to be removed when the store is not in use, unless it has a name by then. */
  markRemoved({ id }: StoredImage): void {
    Deno.mkdirSync(this.#marks, { recursive: true, mode: 0o700 });
    Deno.writeTextFileSync(`${this.#marks}/${hexName(id)}`, "", { mode: 0o600 });
  }

  /** Takes the mark off an image that is gone, or that stays. */
  unmark(id: string): void {
    removeFile(`${this.#marks}/${hexName(id)}`);
  }

  /** Returns the ids of the images that are marked. */
  marked(): string[] {
    if (!exists(this.#marks)) return [];
    return Array.from(Deno.readDirSync(this.#marks), ({ name }) => name);
  }

  /** Returns how skopeo writes of an image of the store, by a name in it or `@` and an id. */
  location(name: string): string {
    // Without skip_mount_home the graph would be bind-mounted on itself and stay so.
    const store = `overlay@${this.#graph}+${this.dir}/run:overlay.skip_mount_home=true`;
    return `containers-storage:[${store}]${name}`;
  }

  /** Returns every image. */
  images(): StoredImage[] {
    // One without a digest is just being stored.
    const list = readList(`${this.#graph}/overlay-images/images.json`);
    return list.filter((image) => typeof image["digest"] === "string").map((image) => ({
      id: text(image["id"]),
      digest: text(image["digest"]),
      layer: image["layer"] === undefined ? undefined : text(image["layer"]),
      names: Array.isArray(image["names"]) ? image["names"].map(text) : [],
    }));
  }

  /** Returns the image of that id. */
  image(id: string): StoredImage | undefined {
    return this.images().find((image) => image.id === id);
  }

  /**
   * Returns the image's config, as its makers wrote it.
   *
   * @throws {ImageError} if the store lacks it.
   */
  configText({ id }: StoredImage): string {
    const dir = `${this.#graph}/overlay-images/${hexName(id)}`;
    try {
      return Deno.readTextFileSync(`${dir}/=${btoa(`sha256:${id}`)}`);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      throw new ImageError(`image ${id.slice(0, 12)} lacks its config: pull it again`, {
        cause: error,
      });
    }
  }

  /**
   * Returns the directories of the image's layers, the topmost first, as overlayfs wants them.
   *
   * @throws {ImageError} if the store lacks one.
   */
  layerDirs(image: StoredImage): string[] {
    return this.layersOf(image).map(({ id }) => this.#layerDir(id));
  }

  /**
   * Returns the image's layers, the topmost first.
   *
   * @throws {ImageError} if the store lacks one.
   */
  layersOf(image: StoredImage): StoredLayer[] {
    const layers = this.layersBelow(image.layer);
    if (image.layer !== undefined && (layers.length === 0 || layers.at(-1)?.parent !== undefined)) {
      throw new ImageError(`image ${image.id.slice(0, 12)} lacks a layer: pull it again`);
    }
    return layers;
  }

  /** Returns the layer of that id and those below it, the topmost first, as far as they are there. */
  layersBelow(top: string | undefined): StoredLayer[] {
    return this.#chain(top, this.#readLayers());
  }

  /** Returns the layers that belong to no image: what pulls have left that did not end well. */
  orphanLayers(): StoredLayer[] {
    const all = this.#readLayers();
    const used = this.images().flatMap(({ layer }) => this.#chain(layer, all));
    return [...all.values()].filter((layer) => !used.includes(layer));
  }

  /** Returns for each image what its layers hold, in bytes; shared layers count for each. */
  sizes(images: readonly StoredImage[]): Map<string, number> {
    const all = this.#readLayers();
    return new Map(images.map((image) => [
      image.id,
      this.#chain(image.layer, all).reduce((sum, { size }) => sum + size, 0),
    ]));
  }

  /** Returns the layer and those below it, as far as they are there. */
  #chain(top: string | undefined, all: ReadonlyMap<string, StoredLayer>): StoredLayer[] {
    const layers: StoredLayer[] = [];
    for (let id = top; id !== undefined && layers.length < all.size;) {
      const layer = all.get(id);
      if (layer === undefined) break;
      layers.push(layer);
      id = layer.parent;
    }
    return layers;
  }

  #layerDir(id: string): string {
    const dir = `${this.#graph}/overlay/${hexName(id)}`;
    // By its short link, so that more of them fit into the options of a mount.
    try {
      const link = Deno.readTextFileSync(`${dir}/link`).trim();
      if (/^[A-Z0-9]+$/.test(link)) return `${this.#graph}/overlay/l/${link}`;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    return `${dir}/diff`;
  }

  #readLayers(): Map<string, StoredLayer> {
    return new Map(
      readList(`${this.#graph}/overlay-layers/layers.json`).map((layer) => {
        const id = text(layer["id"]);
        const parent = layer["parent"] === undefined ? undefined : text(layer["parent"]);
        // The digest is there a moment before the layer counts as whole.
        const flags = layer["flags"];
        const whole = !(isRecord(flags) && flags["incomplete"] === true);
        const known = whole && typeof layer["diff-digest"] === "string";
        const digest = known ? String(layer["diff-digest"]) : undefined;
        return [id, { id, parent, digest, size: Number(layer["diff-size"] ?? 0) }];
      }),
    );
  }

  /**
   * Removes the directories in which containers-storage tries what the kernel can do, and which a kill
   * at its first start leaves.
   */
  removeProbes(): void {
    const parent = `${this.#graph}/overlay`;
    if (!exists(parent)) return;
    for (const { name } of [...Deno.readDirSync(parent)].filter(({ name }) => PROBE.test(name))) {
      unmountAll(`${parent}/${name}`);
      Deno.removeSync(`${parent}/${name}`, { recursive: true });
    }
  }

  #removeLeftTemporary(): void {
    // Where there is nothing, those who want the lock alone are not in each other's way.
    if ([...Deno.readDirSync(this.temporary)].length === 0) return;
    using alone = FileLock.tryLock(this.#lock);
    if (alone === undefined) return;
    for (const { name } of Deno.readDirSync(this.temporary)) {
      const path = `${this.temporary}/${name}`;
      // What was killed may have left layers mounted there, through which nothing must be removed.
      unmountAll(path, { detach: true });
      Deno.removeSync(path, { recursive: true });
    }
  }
}

/** Returns an id as the name of a directory: nothing but what an id is made of. */
function hexName(id: string): string {
  if (!/^[0-9a-f]+$/.test(id)) throw new ImageError(`${JSON.stringify(id)} is no id`);
  return id;
}

function text(value: unknown): string {
  if (typeof value !== "string") throw new ImageError("the image store's lists cannot be read");
  return value;
}

/** Reads one of the lists of containers-storage, which replaces them as a whole. */
function readList(path: string): Record<string, unknown>[] {
  if (!exists(path)) return [];
  const list: unknown = JSON.parse(Deno.readTextFileSync(path));
  if (!Array.isArray(list)) throw new ImageError(`${path} holds no list`);
  return list.filter(isRecord);
}
