// SPDX-License-Identifier: MIT
import { explainFullDisk, ImageError } from "../image_errors.ts";
import { OciLayout } from "../oci_layout.ts";
import { pull, type PullOptions } from "../pull.ts";
import type { Reference } from "../reference.ts";
import type { StoredImage } from "../store/graph.ts";
import type { ImageStore } from "../store/image_store.ts";
import { uncompressed } from "./compression.ts";

/** A tar archive to import. */
export interface TarSource {
  /** The name of the archive in messages. */
  readonly name: string;
  readonly content: ReadableStream<Uint8Array<ArrayBuffer>>;
}

/** How the archive is pulled, and the settings of the image beside its files. */
export interface ImportOptions extends PullOptions {
  /** The command of containers that are given none. */
  readonly cmd?: readonly string[] | undefined;
}

/**
 * Makes an image of one layer from a tar archive of a root filesystem, which may be compressed as
 * {@linkcode uncompressed} has it. The caller holds the store's {@linkcode ImageStore.lock}.
 *
 * @param reference The name that the image gets; none where it is undefined.
 * @throws {DiskFullError} if the disk is full.
 * @throws {ImageError} if there is nothing in it, or no image can be made of it.
 */
export async function importTar(
  store: ImageStore,
  tar: TarSource,
  reference: Reference | undefined,
  options: ImportOptions = {},
): Promise<StoredImage> {
  const what = `import ${reference?.name ?? tar.name}`;
  return await explainFullDisk(what, () => makeImage(store, tar, reference, options));
}

async function makeImage(
  store: ImageStore,
  { name, content }: TarSource,
  reference: Reference | undefined,
  options: ImportOptions,
): Promise<StoredImage> {
  const dir = Deno.makeTempDirSync({ dir: store.temporary });
  try {
    const layout = new OciLayout(dir);
    const tar = await uncompressed(name, content, options.signal);
    const layer = await layout.add(tar, options.signal);
    // As from a pipe whose writer failed.
    if (layer.size === 0) throw new ImageError("the archive is empty");
    const config = { Cmd: options.cmd };
    await layout.finish([layer], { created: new Date().toISOString(), config });
    const source = { name: reference?.name ?? name, source: layout.source, local: true };
    return await pull(store, source, {
      ...options,
      // The policy for signatures is not for files of this machine.
      acceptAnything: true,
      verb: "import",
      nameless: reference === undefined ? crypto.randomUUID() : undefined,
    });
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}
