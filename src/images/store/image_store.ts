// SPDX-License-Identifier: MIT
import { unmountAll } from "../../linux/mount/unmount.ts";
import { ImageError } from "../image_errors.ts";
import { Graph } from "./graph.ts";
import { ImageNames } from "./image_names.ts";
import { LayerLock } from "./layer_lock.ts";
import { RemovalMarks } from "./marks.ts";
import { Reserve } from "./reserve.ts";

/**
 * Characters that the path of a store must not have: containers-storage splits its own names at these,
 * and the options of overlays, in which it does not escape them.
 */
const NO_PATH = /[,:\\+@[\]\n]/;

/**
 * The directory of images. Two locks keep it whole: {@linkcode lock}, and the one of
 * {@linkcode ImageNames} while names change. An image that is to be removed while others use the store
 * is marked and loses its names; the last command to release the lock removes its layers.
 */
export class ImageStore {
  /** The directory, which holds everything else. */
  readonly dir: string;
  /** The images and their layers, as skopeo has stored them. */
  readonly graph: Graph;
  /** The names that people gave. */
  readonly names: ImageNames;
  /** The images that are to be removed. */
  readonly marks: RemovalMarks;
  /** Held by each command that uses or removes layers. */
  readonly lock: LayerLock;
  /** Room on the disk for the removal of images. */
  readonly reserve: Reserve;

  private constructor(dir: string) {
    this.dir = dir;
    this.graph = new Graph(`${dir}/storage`, `${dir}/run`);
    this.names = new ImageNames(`${dir}/names.json`);
    this.marks = new RemovalMarks(`${dir}/removed`);
    this.lock = new LayerLock(`${dir}/lock`);
    this.reserve = new Reserve(`${dir}/reserve`);
  }

  /**
   * Opens the store below the daemon's root directory and makes it if it is not there. Removes the
   * files that a killed pull has left, unless the store is in use.
   *
   * @throws {ImageError} for a user who may not write there, and for a root directory with characters
   *   that containers-storage does not take.
   */
  static async open(root: string): Promise<ImageStore> {
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
      await store.#removeLeftTemporary();
      store.reserve.keep();
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

  async #removeLeftTemporary(): Promise<void> {
    // Where there is nothing, those who want the lock alone are not in each other's way.
    if ([...Deno.readDirSync(this.temporary)].length === 0) return;
    using alone = this.lock.tryAloneAtOnce();
    if (alone === undefined) return;
    for (const { name } of Deno.readDirSync(this.temporary)) {
      const path = `${this.temporary}/${name}`;
      // A killed pull may have left layers mounted there, through which nothing must be removed.
      unmountAll(path, { detach: true });
      Deno.removeSync(path, { recursive: true });
    }
    await this.reserve.use(() => this.graph.repairLinks());
  }
}
