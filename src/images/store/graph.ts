// SPDX-License-Identifier: MIT
import { dirEntries } from "../../linux/fs/dir_entries.ts";
import { ifThere } from "../../linux/fs/if_there.ts";
import { removeFile } from "../../linux/fs/remove_file.ts";
import { removeTree } from "../../linux/fs/remove_tree.ts";
import { unmountAll } from "../../linux/mount/unmount.ts";
import { isRecord } from "../../rpc/is_record.ts";
import { ImageError } from "../errors.ts";
import { hexName, shortId } from "../reference.ts";
import { readList } from "./read_list.ts";

/** The names of directories that are no layers, such as `metacopy-check348747840` and `compat2953465`. */
const PROBE = /(?:check|compat)\d+$/;

/** The directories of the lists of containers-storage, which first writes a file beside each. */
const LISTS = ["overlay-layers", "overlay-images"];

/** Name of the directory of an image's files. */
const HEX_NAME = /^[0-9a-f]{64}$/;

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
  /** Size of the unpacked files, in bytes. */
  readonly size: number;
}

/** A graph of containers-storage, which skopeo writes and berth reads: images and their layers. */
export class Graph {
  readonly #dir: string;
  readonly #run: string;

  /** @param run The directory in which containers-storage keeps what does not outlive a boot. */
  constructor(dir: string, run: string) {
    this.#dir = dir;
    this.#run = run;
  }

  /** Returns how skopeo writes of an image of the store, by a name in it or `@` and an id. */
  location(name: string): string {
    // Without skip_mount_home the graph would be bind-mounted on itself and stay so.
    const store = `overlay@${this.#dir}+${this.#run}:overlay.skip_mount_home=true`;
    return `containers-storage:[${store}]${name}`;
  }

  /** Returns every image. */
  images(): StoredImage[] {
    // One without a digest is just being stored.
    const list = this.#list("overlay-images/images.json");
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
    const dir = `${this.#dir}/overlay-images/${hexName(id)}`;
    try {
      return Deno.readTextFileSync(`${dir}/=${btoa(`sha256:${id}`)}`);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      throw new ImageError(`image ${shortId(id)} lacks its config: pull it again`, {
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
      throw new ImageError(`image ${shortId(image.id)} lacks a layer: pull it again`);
    }
    return layers;
  }

  /** Returns the layer of that id and those below it, the topmost first, as far as they are there. */
  layersBelow(top: string | undefined): StoredLayer[] {
    return this.#chain(top, this.#readLayers());
  }

  /** Returns the layers that belong to no image: pulls that did not end well have left them. */
  orphanLayers(): StoredLayer[] {
    const all = this.#readLayers();
    const used = this.images().flatMap(({ layer }) => this.#chain(layer, all));
    return [...all.values()].filter((layer) => !used.includes(layer));
  }

  /** Returns the size of each image's layers, in bytes, by its id; a shared layer counts for each. */
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

  /** Reads one of the lists of containers-storage, which replaces them as a whole. */
  #list(name: string): Record<string, unknown>[] {
    return readList(`${this.#dir}/${name}`, `${this.#dir} while no container uses an image`).filter(
      isRecord,
    );
  }

  #layerDir(id: string): string {
    const dir = `${this.#dir}/overlay/${hexName(id)}`;
    // By its short link, so that more of them fit into the options of a mount.
    const link = ifThere(() => Deno.readTextFileSync(`${dir}/link`))?.trim() ?? "";
    return /^[A-Z0-9]+$/.test(link) ? `${this.#dir}/overlay/l/${link}` : `${dir}/diff`;
  }

  #readLayers(): Map<string, StoredLayer> {
    return new Map(
      this.#list("overlay-layers/layers.json").map((layer) => {
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
   * Removes files that a killed containers-storage leaves and nothing reads: the directories in which it
   * tries what the kernel can do, the lists that it was writing, and the files of images that are in no
   * list. Only for one who has the store alone.
   */
  removeTemporaries(): void {
    const overlay = `${this.#dir}/overlay`;
    for (const name of namesIn(overlay).filter((name) => PROBE.test(name))) {
      unmountAll(`${overlay}/${name}`);
      Deno.removeSync(`${overlay}/${name}`, { recursive: true });
    }
    for (
      const dir of [this.#dir, this.#run].flatMap((top) => LISTS.map((name) => `${top}/${name}`))
    ) {
      for (const name of namesIn(dir)) if (name.startsWith(".tmp-")) removeFile(`${dir}/${name}`);
    }
    const images = `${this.#dir}/overlay-images`;
    const known = new Set(this.#list("overlay-images/images.json").map(({ id }) => id));
    for (const name of namesIn(images)) {
      if (HEX_NAME.test(name) && !known.has(name)) removeTree(`${images}/${name}`);
    }
  }
}

function namesIn(dir: string): string[] {
  return dirEntries(dir).map(({ name }) => name);
}

function text(value: unknown): string {
  if (typeof value !== "string") throw new ImageError("the image store's lists cannot be read");
  return value;
}
