// SPDX-License-Identifier: MIT
import { ARCHITECTURE } from "./image_config.ts";

/** A blob of a layout (image-spec, descriptor.md). */
export interface Descriptor {
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
}

/** The members of an image of a layout beside its layers. */
export interface LayoutConfig {
  readonly created?: string;
  readonly config?: Readonly<Record<string, unknown>>;
}

/** An OCI image layout of one image (image-spec, image-layout.md) that is being written. */
export class OciLayout {
  readonly #dir: string;

  /** @param dir An empty directory. */
  constructor(dir: string) {
    this.#dir = dir;
    Deno.mkdirSync(this.#blobs, { recursive: true });
  }

  /** The source of the image by skopeo's name. */
  get source(): string {
    return `oci:${this.#dir}`;
  }

  get #blobs(): string {
    return `${this.#dir}/blobs/sha256`;
  }

  /** Writes a blob, such as a layer. */
  async add(
    content: ReadableStream<Uint8Array<ArrayBuffer>>,
    signal?: AbortSignal,
  ): Promise<Descriptor> {
    // Loaded only here: it takes longer than many a command.
    const { createHash } = await import("node:crypto");
    const hash = createHash("sha256");
    let size = 0;
    const count = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
      transform(chunk, controller) {
        hash.update(chunk);
        size += chunk.length;
        controller.enqueue(chunk);
      },
    });
    const partial = `${this.#blobs}/partial`;
    const file = Deno.openSync(partial, { write: true, create: true, truncate: true });
    // The end of the stream closes the file, and writes what is still to be written.
    await content.pipeThrough(count).pipeTo(file.writable, { ...(signal && { signal }) });
    const hex = hash.digest("hex");
    Deno.renameSync(partial, `${this.#blobs}/${hex}`);
    return { digest: `sha256:${hex}`, size };
  }

  /** Completes the image, whose layers are tar archives; the first one is the lowest. */
  async finish(layers: readonly Descriptor[], { created, config = {} }: LayoutConfig = {}) {
    const type = "application/vnd.oci.image";
    const image = await this.#addJson({
      created,
      architecture: ARCHITECTURE,
      os: "linux",
      config,
      rootfs: { type: "layers", diff_ids: layers.map(({ digest }) => digest) },
    });
    const manifest = await this.#addJson({
      schemaVersion: 2,
      mediaType: `${type}.manifest.v1+json`,
      config: { mediaType: `${type}.config.v1+json`, ...image },
      layers: layers.map((layer) => ({ mediaType: `${type}.layer.v1.tar`, ...layer })),
    });
    const manifests = [{ mediaType: `${type}.manifest.v1+json`, ...manifest }];
    this.#write("index.json", { schemaVersion: 2, manifests });
    this.#write("oci-layout", { imageLayoutVersion: "1.0.0" });
  }

  #addJson(value: unknown): Promise<Descriptor> {
    return this.add(new Blob([JSON.stringify(value)]).stream());
  }

  #write(name: string, value: unknown): void {
    Deno.writeTextFileSync(`${this.#dir}/${name}`, JSON.stringify(value));
  }
}
