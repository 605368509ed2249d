// SPDX-License-Identifier: MIT
import { isRecord } from "../rpc/is_record.ts";
import { ImageError } from "./errors.ts";
import { OciLayout } from "./oci_layout.ts";
import { pull, type PullOptions } from "./pull.ts";
import { parseReference, type Reference } from "./reference.ts";
import { runSkopeo } from "./skopeo.ts";
import type { ImageStore, StoredImage } from "./store.ts";

/**
 * Loads every image of an archive that `docker save` or `podman save` wrote, under the names that it
 * has there. The caller holds the store's {@linkcode ImageStore.use}.
 *
 * @returns the names.
 * @throws {ImageError} if it is no such archive.
 */
export async function loadArchive(
  store: ImageStore,
  file: string,
  options: PullOptions = {},
): Promise<string[]> {
  const tags = await tagsIn(file);
  if (tags === undefined) return await loadOciArchive(store, file, options);
  const loaded: string[] = [];
  for (const tag of tags) {
    const { name } = parseReference(tag);
    await pull(store, { name, source: `docker-archive:${file}:${tag}`, local: true }, options);
    loaded.push(name);
  }
  if (loaded.length === 0) {
    const { name, source } = parseReference(`docker-archive:${file}`);
    await pull(store, { name, source, local: true }, options);
    loaded.push(name);
  }
  return loaded;
}

/**
 * Loads the images of an OCI archive (image-spec, image-layout.md), each under the name that its index
 * has for it, or one made of its digest.
 */
async function loadOciArchive(
  store: ImageStore,
  file: string,
  options: PullOptions,
): Promise<string[]> {
  const { success, stdout } = await new Deno.Command("tar", {
    args: ["-xOf", file, "index.json"],
    stdin: "null",
    stderr: "null",
  }).output();
  if (!success) throw new ImageError(`${file} is no archive of images`);
  const index: unknown = JSON.parse(new TextDecoder().decode(stdout));
  const manifests = isRecord(index) && Array.isArray(index["manifests"]) ? index["manifests"] : [];
  const loaded: string[] = [];
  for (const manifest of manifests.filter(isRecord)) {
    const annotations = isRecord(manifest["annotations"]) ? manifest["annotations"] : {};
    const ref = annotations["org.opencontainers.image.ref.name"];
    const digest = String(manifest["digest"]).replace(/^sha256:/, "").slice(0, 12);
    const { name } = parseReference(typeof ref === "string" ? ref : `localhost/loaded-${digest}`);
    const source = `oci-archive:${file}${typeof ref === "string" ? `:${ref}` : ""}`;
    await pull(store, { name, source, local: true }, options);
    loaded.push(name);
  }
  return loaded;
}

/** Returns the names in an archive of docker's; undefined where it is none. */
async function tagsIn(file: string): Promise<string[] | undefined> {
  try {
    const list: unknown = JSON.parse(await runSkopeo(["list-tags", `docker-archive:${file}`]));
    const tags = typeof list === "object" && list !== null && "Tags" in list ? list.Tags : [];
    return Array.isArray(tags) ? tags.filter((tag) => typeof tag === "string") : [];
  } catch (error) {
    if (error instanceof ImageError) return undefined;
    throw error;
  }
}

/** What {@linkcode importTar} makes beside the files. */
export interface ImportOptions extends PullOptions {
  /** The command of containers that are given none. */
  readonly cmd?: readonly string[];
}

/**
 * Makes an image of one layer from a tar archive of a root filesystem, which may be compressed with
 * gzip. The caller holds the store's {@linkcode ImageStore.use}.
 */
export async function importTar(
  store: ImageStore,
  tar: ReadableStream<Uint8Array<ArrayBuffer>>,
  reference: Reference,
  options: ImportOptions = {},
): Promise<StoredImage> {
  const dir = Deno.makeTempDirSync({ dir: store.temporary });
  try {
    const layout = new OciLayout(dir);
    const layer = await layout.add(await uncompressed(tar));
    await layout.finish([layer], {
      created: new Date().toISOString(),
      ...(options.cmd !== undefined && { config: { Cmd: options.cmd } }),
    });
    const source = { ...reference, source: layout.source, local: true };
    // What root makes of a file of this machine is no business of the policy for signatures.
    return await pull(store, source, { ...options, acceptAnything: true });
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

/** The first bytes of a gzip file (RFC 1952). */
const GZIP = [0x1f, 0x8b];
/** The first bytes of what is not taken: xz, zstd, bzip2. */
const OTHERS = { xz: [0xfd, 0x37, 0x7a], zstd: [0x28, 0xb5, 0x2f], bzip2: [0x42, 0x5a, 0x68] };

async function uncompressed(
  tar: ReadableStream<Uint8Array<ArrayBuffer>>,
): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  const [look, content] = tar.tee();
  const reader = look.getReader();
  const { value: head = new Uint8Array() } = await reader.read();
  reader.cancel();
  const beginsWith = (bytes: readonly number[]) => bytes.every((byte, at) => head[at] === byte);
  const other = Object.entries(OTHERS).find(([, bytes]) => beginsWith(bytes))?.[0];
  if (other !== undefined) {
    await content.cancel();
    throw new ImageError(`the archive is compressed with ${other}: pass it through ${other} -dc`);
  }
  return beginsWith(GZIP) ? content.pipeThrough(new DecompressionStream("gzip")) : content;
}
