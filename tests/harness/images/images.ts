// SPDX-License-Identifier: MIT
import { createHash } from "node:crypto";
import { run } from "../command.ts";
import { findCommand } from "../../../scripts/system_packages.ts";
import { ARCHITECTURE } from "../../../src/images/image_config.ts";
import { TestDaemon, type TestDaemonOptions } from "../daemon.ts";
import { rootfsDir } from "../rootfs.ts";
import { uniqueName } from "../run.ts";

/** Why tests of images cannot run here; undefined where they can. */
export function imagesMissing(...more: string[]): string | undefined {
  const missing = ["skopeo", ...more].find((name) => findCommand(name) === undefined);
  return missing && `${missing} is not installed`;
}

/** The parts of an image. */
export interface ImageParts {
  /** Tar archives, or directories to make one of each; the first is the lowest. */
  readonly layers: readonly string[];
  /** The OCI image config's `config`. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly os?: string;
  /** By its name in images; default: this machine's. */
  readonly architecture?: string;
  /** How it was made, as the config has it. */
  readonly history?: readonly Readonly<Record<string, unknown>>[];
  /** Digests that the config names in place of the layers' own. */
  readonly diffIds?: readonly string[];
}

/** Copies an image by skopeo, whatever the machine's policy for signatures says. */
export async function copyImage(
  source: string,
  target: string,
  ...options: readonly string[]
): Promise<void> {
  await run(["skopeo", "--insecure-policy", "copy", "-q", ...options, source, target]);
}

/** The smallest layer that runs a shell: the tests' busybox, packed once for each directory. */
export async function busyboxLayer(dir: string): Promise<string> {
  const tar = `${dir}/busybox.tar`;
  try {
    Deno.statSync(tar);
  } catch {
    await run(["tar", "-C", rootfsDir(), "--exclude=./dev/*", "-cf", tar, "."]);
  }
  return tar;
}

/** Makes an OCI image layout below `dir`; returns its reference, `oci:PATH:latest`. */
export async function makeImage(dir: string, parts: ImageParts): Promise<string> {
  const layout = `${dir}/${uniqueName("layout")}`;
  Deno.mkdirSync(blobsOf(layout), { recursive: true });
  finishLayout(layout, await addManifest(layout, parts));
  return `oci:${layout}:latest`;
}

/**
 * Makes an OCI image layout whose image is a list of one for each architecture; returns its reference,
 * `oci:PATH:latest`.
 */
export async function makeImageList(
  dir: string,
  images: readonly (ImageParts & { readonly architecture: string })[],
): Promise<string> {
  const layout = `${dir}/${uniqueName("layout")}`;
  Deno.mkdirSync(blobsOf(layout), { recursive: true });
  const manifests = [];
  for (const parts of images) {
    const { architecture, os = "linux" } = parts;
    manifests.push({ ...await addManifest(layout, parts), platform: { architecture, os } });
  }
  const mediaType = `${OCI_TYPE}.index.v1+json`;
  const index = addJson(layout, { schemaVersion: 2, mediaType, manifests });
  finishLayout(layout, { mediaType, ...index });
  return `oci:${layout}:latest`;
}

/** The beginning of the media types of OCI images (image-spec, media-types.md). */
const OCI_TYPE = "application/vnd.oci.image";

/** Points to a blob of a layout. */
interface Descriptor {
  readonly mediaType?: string;
  readonly digest: string;
  readonly size: number;
}

function blobsOf(layout: string): string {
  return `${layout}/blobs/sha256`;
}

function addBlob(layout: string, bytes: Uint8Array): Descriptor {
  const hex = createHash("sha256").update(bytes).digest("hex");
  Deno.writeFileSync(`${blobsOf(layout)}/${hex}`, bytes);
  return { digest: `sha256:${hex}`, size: bytes.length };
}

function addJson(layout: string, value: unknown): Descriptor {
  return addBlob(layout, new TextEncoder().encode(JSON.stringify(value)));
}

/** Adds an image's layers, config and manifest to a layout. */
async function addManifest(layout: string, parts: ImageParts): Promise<Descriptor> {
  const { layers, config, os, history, diffIds, architecture = ARCHITECTURE } = parts;
  const tars: Descriptor[] = [];
  for (const layer of layers) {
    const packed = Deno.statSync(layer).isDirectory ? `${layer}.tar` : layer;
    if (packed !== layer) {
      await run(["tar", "-C", layer, "--xattrs", "--xattrs-include=*", "-cf", packed, "."]);
    }
    tars.push(addBlob(layout, Deno.readFileSync(packed)));
  }
  const image = addJson(layout, {
    architecture,
    os: os ?? "linux",
    config: config ?? {},
    rootfs: { type: "layers", diff_ids: diffIds ?? tars.map(({ digest }) => digest) },
    ...(history && { history }),
  });
  const mediaType = `${OCI_TYPE}.manifest.v1+json`;
  const manifest = addJson(layout, {
    schemaVersion: 2,
    mediaType,
    config: { mediaType: `${OCI_TYPE}.config.v1+json`, ...image },
    layers: tars.map((tar) => ({ mediaType: `${OCI_TYPE}.layer.v1.tar`, ...tar })),
  });
  return { mediaType, ...manifest };
}

function finishLayout(layout: string, image: Descriptor): void {
  const annotations = { "org.opencontainers.image.ref.name": "latest" };
  const index = { schemaVersion: 2, manifests: [{ ...image, annotations }] };
  Deno.writeTextFileSync(`${layout}/index.json`, JSON.stringify(index));
  Deno.writeTextFileSync(`${layout}/oci-layout`, JSON.stringify({ imageLayoutVersion: "1.0.0" }));
}

/** Starts a daemon for containers of images, which are on a network unless they say another thing. */
export function startForImages(options: TestDaemonOptions = {}): Promise<TestDaemon> {
  return TestDaemon.start({ ...options, ownNetwork: true });
}

/** Registers a test that needs skopeo, and the programs that are named. */
export function imageTest(name: string, body: () => Promise<void>, ...needs: string[]): void {
  const missing = imagesMissing(...needs);
  Deno.test({ name: missing ? `${name} (${missing})` : name, ignore: !!missing, fn: body });
}

/** Makes a directory with these files, by their paths, for a layer. */
export function layerOf(dir: string, files: Readonly<Record<string, string>>): string {
  const layer = Deno.makeTempDirSync({ dir, prefix: "layer-" });
  Deno.chmodSync(layer, 0o755);
  for (const [path, text] of Object.entries(files)) {
    Deno.mkdirSync(`${layer}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
    Deno.writeTextFileSync(`${layer}/${path}`, text);
  }
  return layer;
}

/** Arguments that keep the containers in the test's cgroup. */
export function cgroupArgs(daemon: TestDaemon): string[] {
  return ["--cgroup-parent", daemon.cgroup];
}
