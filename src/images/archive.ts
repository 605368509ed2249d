// SPDX-License-Identifier: MIT
import { createHash } from "node:crypto";
import { isRecord } from "../rpc/is_record.ts";
import { ImageError } from "./errors.ts";
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

/** The names in an archive of docker's; undefined where it is none. */
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
    // An OCI image layout (image-spec, image-layout.md): blobs by their digests, and an index.
    const blobs = `${dir}/blobs/sha256`;
    Deno.mkdirSync(blobs, { recursive: true });
    const layer = await writeBlob(blobs, await uncompressed(tar));
    const config = await writeJson(blobs, {
      created: new Date().toISOString(),
      architecture: Deno.build.arch === "x86_64" ? "amd64" : "arm64",
      os: "linux",
      config: options.cmd === undefined ? {} : { Cmd: options.cmd },
      rootfs: { type: "layers", diff_ids: [layer.digest] },
    });
    const manifest = await writeJson(blobs, {
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: { mediaType: "application/vnd.oci.image.config.v1+json", ...config },
      layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar", ...layer }],
    });
    const mediaType = "application/vnd.oci.image.manifest.v1+json";
    const index = { schemaVersion: 2, manifests: [{ mediaType, ...manifest }] };
    Deno.writeTextFileSync(`${dir}/index.json`, JSON.stringify(index));
    Deno.writeTextFileSync(`${dir}/oci-layout`, JSON.stringify({ imageLayoutVersion: "1.0.0" }));
    return await pull(store, { ...reference, source: `oci:${dir}`, local: true }, options);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

interface Descriptor {
  readonly digest: string;
  readonly size: number;
}

function writeJson(dir: string, value: unknown): Promise<Descriptor> {
  return writeBlob(dir, new Blob([JSON.stringify(value)]).stream());
}

async function writeBlob(
  dir: string,
  content: ReadableStream<Uint8Array<ArrayBuffer>>,
): Promise<Descriptor> {
  const hash = createHash("sha256");
  let size = 0;
  const count = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(chunk, controller) {
      hash.update(chunk);
      size += chunk.length;
      controller.enqueue(chunk);
    },
  });
  const partial = `${dir}/partial`;
  const file = Deno.openSync(partial, { write: true, create: true, truncate: true });
  // The end of the stream closes the file, and writes what is still to be written.
  await content.pipeThrough(count).pipeTo(file.writable);
  const hex = hash.digest("hex");
  Deno.renameSync(partial, `${dir}/${hex}`);
  return { digest: `sha256:${hex}`, size };
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
