// SPDX-License-Identifier: MIT
import { isRecord } from "../../rpc/is_record.ts";
import { ImageError } from "../image_errors.ts";
import { hexName, shortId } from "../reference.ts";
import { removeTemporaries, repairShortLinks, shortLink } from "./left_files.ts";
import { readList } from "./read_list.ts";

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

  /** Returns every image that was stored to the end. */
  images(): StoredImage[] {
    return this.#listImages().filter(isStored).map((image) => ({
      id: text(image["id"]),
      digest: text(image["digest"]),
      layer: image["layer"] === undefined ? undefined : text(image["layer"]),
      names: Array.isArray(image["names"]) ? image["names"].map(text) : [],
    }));
  }

  /**
   * Returns the ids of the images that are just being stored, or were when skopeo was killed. Their
   * layers count as those of no image.
   */
  unfinishedImages(): string[] {
    return this.#listImages().filter((image) => !isStored(image)).map(({ id }) => text(id));
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

  #listImages(): Record<string, unknown>[] {
    return this.#list("overlay-images/images.json");
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
    const link = shortLink(dir);
    return link === undefined ? `${dir}/diff` : `${this.#dir}/overlay/l/${link}`;
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

  /** Repairs what a killed skopeo leaves of links to layers. Only for one who has the store alone. */
  repairLinks(): void {
    repairShortLinks(this.#dir);
  }

  /** Removes other files that a killed skopeo leaves, and does the repair. */
  removeTemporaries(): void {
    this.repairLinks();
    const images = new Set(this.#listImages().map(({ id }) => id));
    removeTemporaries(this.#dir, this.#run, images);
  }
}

/** Returns whether skopeo has come to the manifest of an image, which it stores after the config. */
function isStored(image: Record<string, unknown>): boolean {
  return typeof image["digest"] === "string";
}

function text(value: unknown): string {
  if (typeof value !== "string") throw new ImageError("the image store's lists cannot be read");
  return value;
}
