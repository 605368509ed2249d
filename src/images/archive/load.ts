// SPDX-License-Identifier: MIT
import { isRecord } from "../../rpc/is_record.ts";
import { explainFullDisk, ImageError } from "../image_errors.ts";
import { pull, type PullOptions } from "../pull.ts";
import { parseReference } from "../reference.ts";
import type { StoredImage } from "../store/graph.ts";
import type { ImageStore } from "../store/image_store.ts";
import { isCompressed, uncompressed } from "./compression.ts";
import { type Archive, readJsonMember, readMember, tar, TarError } from "./tar.ts";

/** An archive to load. */
export interface ArchiveSource {
  /** The name of the archive in messages. */
  readonly name: string;
  /** The absolute path of a file, or what is read of one. */
  readonly content: string | ReadableStream<Uint8Array<ArrayBuffer>>;
}

/** An image that was loaded. */
export interface LoadedImage {
  /** None where it has none in the archive. */
  readonly names: readonly string[];
  readonly image: StoredImage;
}

/**
 * Loads every image of an archive that `docker save` or `podman save` wrote, under the names that it
 * has there, if any. The archive may be compressed as {@linkcode uncompressed} has it. The caller holds
 * the store's {@linkcode ImageStore.lock}.
 *
 * @throws {DiskFullError} if the disk is full.
 * @throws {ImageError} if it is no such archive.
 */
export async function loadArchive(
  store: ImageStore,
  source: ArchiveSource,
  options: PullOptions = {},
): Promise<LoadedImage[]> {
  return await explainFullDisk(`load ${source.name}`, () => loadImages(store, source, options));
}

async function loadImages(
  store: ImageStore,
  source: ArchiveSource,
  options: PullOptions,
): Promise<LoadedImage[]> {
  const dir = Deno.makeTempDirSync({ dir: store.temporary });
  try {
    const file = `${dir}/archive`;
    await placeArchive(file, source, options.signal);
    const images = await imagesOf(file, source.name, options.signal);
    const loaded: LoadedImage[] = [];
    for (const { names, key, source: place } of images) {
      const [name, ...others] = names;
      const reference = { name: name ?? source.name, source: place, local: true };
      const nameless = name === undefined ? key : undefined;
      const image = await pull(store, reference, { ...options, verb: "load", nameless });
      if (others.length > 0) await store.names.set(others, image.id);
      loaded.push({ names, image });
    }
    return loaded;
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
}

/** Puts an archive where skopeo can read it: under a name without a colon, and not compressed. */
async function placeArchive(
  file: string,
  { name, content }: ArchiveSource,
  signal?: AbortSignal,
): Promise<void> {
  if (typeof content === "string" && !isCompressed(content)) {
    return Deno.symlinkSync(content, file);
  }
  const stream = typeof content === "string" ? Deno.openSync(content).readable : content;
  const plain = await uncompressed(name, stream, signal);
  const target = Deno.openSync(file, { write: true, createNew: true });
  await plain.pipeTo(target.writable, { ...(signal && { signal }) });
}

/**
 * Returns the images of an archive.
 *
 * @throws {ImageError} if it is none of images; the signal's reason.
 */
async function imagesOf(
  file: string,
  name: string,
  signal?: AbortSignal,
): Promise<ArchivedImage[]> {
  const none = `${name} is no archive of images`;
  try {
    const members = (await tar(["-tf", file], signal)).split("\n");
    const archive = { name, file, members, signal };
    const images = await dockerImages(archive) ?? await ociImages(archive);
    if (images?.length === 0) throw new ImageError(`${name} holds no images`);
    if (images !== undefined) return images;
  } catch (error) {
    if (!(error instanceof TarError)) throw error;
    throw new ImageError(`${none}: ${error.message}`, { cause: error });
  }
  throw new ImageError(none);
}

/** An image of an archive. */
interface ArchivedImage {
  readonly names: readonly string[];
  /** Identifies the image, also among those of other archives. */
  readonly key: string;
  /** How skopeo reads it. */
  readonly source: string;
}

/** Returns the images of an archive of docker's (moby's image/spec/v1.2); undefined where it is none. */
async function dockerImages(archive: Archive): Promise<ArchivedImage[] | undefined> {
  const list = await readJsonMember(archive, "manifest.json");
  if (!Array.isArray(list)) return undefined;
  const images: ArchivedImage[] = [];
  for (const [index, entry] of list.filter(isRecord).entries()) {
    const tags = Array.isArray(entry["RepoTags"]) ? entry["RepoTags"].map(String) : [];
    const names = [...new Set(tags)].map(readName).filter((name) => name !== undefined);
    const source = `docker-archive:${archive.file}:@${index}`;
    // The name of the config need not be its digest.
    const config = names.length > 0 ? "" : await readMember(archive, String(entry["Config"]));
    images.push({ names, key: config || source, source });
  }
  return images;
}

/** Returns the images of an OCI archive (image-spec, image-layout.md); undefined where it is none. */
async function ociImages(archive: Archive): Promise<ArchivedImage[] | undefined> {
  const { file } = archive;
  const index = await readJsonMember(archive, "index.json");
  if (!isRecord(index) || !Array.isArray(index["manifests"])) return undefined;
  const entries = index["manifests"].filter(isRecord).map(({ annotations, digest }) => {
    const given = isRecord(annotations) ? annotations : {};
    return { ref: given[REF_NAME], name: given[CONTAINERD_NAME], digest: String(digest) };
  });
  // buildkit writes an entry for each name of one image.
  const images = Array.from(Map.groupBy(entries, ({ digest }) => digest), ([key, same]) => {
    const names = same.map(({ ref, name }) =>
      readName(name) ?? (isTag(ref) ? undefined : readName(ref))
    );
    const ref = same.map(({ ref }) => ref).find((ref) => typeof ref === "string");
    return { names: [...new Set(names.filter((name) => name !== undefined))], key, ref };
  });
  const refs = new Set(images.map(({ ref }) => ref).filter((ref) => ref !== undefined));
  if (entries.length > 1 && refs.size < images.length) {
    throw new ImageError(
      `${archive.name} holds ${images.length} images, and skopeo tells them apart only if each has a name of its ` +
        `own (${REF_NAME} in index.json): name them, or save each in an archive of its own`,
    );
  }
  return images.map(({ names, key, ref }) => ({
    names,
    key,
    source: `oci-archive:${file}${ref === undefined ? "" : `:${ref}`}`,
  }));
}

/** The annotation by which an index names its images, often by a tag alone (image-spec, annotations.md). */
const REF_NAME = "org.opencontainers.image.ref.name";
/** The annotation in which containerd and buildkit write the whole name. */
const CONTAINERD_NAME = "io.containerd.image.name";

/** Returns whether a reference of an index says only which of an image's versions this is. */
function isTag(ref: unknown): boolean {
  return typeof ref === "string" && !/[/:]/.test(ref);
}

/** Returns the name of an image; undefined where docker takes none of that kind. */
function readName(text: unknown): string | undefined {
  if (typeof text !== "string") return undefined;
  try {
    const { name, local } = parseReference(text);
    return local ? undefined : name;
  } catch (error) {
    if (error instanceof ImageError) return undefined;
    throw error;
  }
}
