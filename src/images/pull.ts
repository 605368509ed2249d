// SPDX-License-Identifier: MIT
import { checkImage, MAX_LAYERS, TOO_MANY_LAYERS } from "./check_image.ts";
import {
  explainFullDisk,
  ImageClashError,
  ImageError,
  ImageNotFoundError,
} from "./image_errors.ts";
import { isFor, parseImageConfig, platformText } from "./image_config.ts";
import type { Platform } from "./image_config.ts";
import { withoutColon } from "./local_source.ts";
import { hostPolicy, ownPolicy } from "./policy.ts";
import { isLoopback, type Reference } from "./reference.ts";
import { runSkopeo } from "./skopeo.ts";
import type { StoredImage } from "./store/graph.ts";
import type { ImageStore } from "./store/image_store.ts";

/** How {@linkcode pull} reaches the registry, and which image of a list it takes. */
export interface PullOptions {
  /** `user:password` for the registry. */
  readonly creds?: string | undefined;
  /** A file with credentials, as `skopeo login` and docker write it. */
  readonly authfile?: string | undefined;
  /** `false` accepts http and certificates that cannot be verified. */
  readonly tlsVerify?: boolean | undefined;
  /** The kind of machine whose image is taken of a list; default: this one's. */
  readonly platform?: Platform | undefined;
  /** Takes the image whatever the host's policy for signatures says. */
  readonly acceptAnything?: boolean;
  /**
   * A text that tells the image from others where it gets no name. The name of the reference is then for
   * errors alone.
   */
  readonly nameless?: string | undefined;
  /** The verb that the person typed, for errors. Default: pull. */
  readonly verb?: "pull" | "load" | "import";
  readonly signal?: AbortSignal | undefined;
  /** Called with each line of skopeo's progress. */
  readonly onProgress?: (line: string) => void;
}

/**
 * Pulls an image into the store under the name of its reference, which another image may have had.
 * skopeo checks every digest. The caller holds the store's {@linkcode ImageStore.lock}.
 *
 * @throws {ImageNotFoundError} if there is no such image.
 * @throws {ImageClashError} if the store has one of the same config with other layers.
 * @throws {ImageError} with skopeo's message for whatever else goes wrong; nothing half-made is left
 *   that any machine could run.
 */
export async function pull(
  store: ImageStore,
  reference: Reference,
  options: PullOptions = {},
): Promise<StoredImage> {
  const what = `${options.verb ?? "pull"} ${reference.name}`;
  return await explainFullDisk(what, () => copyImage(store, reference, options));
}

async function copyImage(
  store: ImageStore,
  reference: Reference,
  options: PullOptions,
): Promise<StoredImage> {
  const temporary = Deno.makeTempDirSync({ dir: store.temporary });
  // Skopeo names each layer as it begins to copy it.
  const tooMany = new AbortController();
  const stops = [tooMany.signal, ...options.signal ? [options.signal] : []];
  let layers = 0;
  const onProgress = (line: string) => {
    if (line.startsWith("Copying blob") && ++layers > MAX_LAYERS) {
      tooMany.abort(new ImageError(TOO_MANY_LAYERS));
    }
    options.onProgress?.(line);
  };
  try {
    const { nameless } = options;
    const name = await storeName(nameless ?? reference.name);
    const skopeo = [
      "--policy",
      options.acceptAnything ? ownPolicy(store) : hostPolicy() ?? ownPolicy(store),
      ...platformFlags(options.platform),
      "--tmpdir",
      temporary,
    ];
    // Layers are unpacked below the store; nothing goes to /var/tmp.
    const run = { env: { TMPDIR: temporary }, signal: AbortSignal.any(stops) };
    const access = accessFlags(reference, options, temporary);
    const source = reference.local ? withoutColon(reference.source, temporary) : reference.source;
    if (options.platform !== undefined) {
      const inspect = ["inspect", "--config", ...access.inspect, source];
      checkPlatform(await runSkopeo([...skopeo, ...inspect], run), options.platform);
    }
    const copy = ["copy", ...access.copy, source, store.graph.location(name)];
    await runSkopeo([...skopeo, ...copy], { ...run, onProgress });
    const image = store.graph.images().find(({ names }) => names.includes(name));
    if (image === undefined) throw new ImageError(`skopeo did not store ${reference.name}`);
    // An image that cannot run here is reported now rather than by a container that does not start.
    checkImage(store, image);
    if (nameless === undefined) await store.names.set([reference.name], image.id);
    store.marks.remove(image.id);
    return image;
  } catch (error) {
    if (error instanceof ImageNotFoundError) {
      throw new ImageNotFoundError(`no image ${reference.name}: ${error.message}`, {
        cause: error,
      });
    }
    if (!(error instanceof ImageError)) throw error;
    const Kind = error instanceof ImageClashError ? ImageClashError : ImageError;
    throw new Kind(`cannot ${options.verb ?? "pull"} ${reference.name}: ${error.message}`, {
      cause: error,
    });
  } finally {
    Deno.removeSync(temporary, { recursive: true });
  }
}

/** Options of skopeo, which stand before its command. */
function platformFlags(platform: Platform | undefined): string[] {
  if (platform === undefined) return [];
  const { architecture, variant } = platform;
  return [
    ...["--override-os", "linux", "--override-arch", architecture],
    ...variant === undefined ? [] : ["--override-variant", variant],
  ];
}

/** Refuses a single image for another machine, which skopeo would take for any. */
function checkPlatform(configText: string, platform: Platform): void {
  const config = parseImageConfig(configText);
  if (isFor(config, platform)) return;
  throw new ImageError(`it is for ${platformText(config)}, not ${platformText(platform)}`);
}

/** Options of skopeo's commands with which they read the source. */
function accessFlags(
  { name, local }: Reference,
  { tlsVerify = !isLoopback(name), creds, authfile }: PullOptions,
  temporary: string,
): { readonly inspect: readonly string[]; readonly copy: readonly string[] } {
  if (local) return { inspect: [], copy: [] };
  const file = creds === undefined
    ? authfile
    : writeAuthFile(`${temporary}/auth.json`, name, creds);
  const auth = file === undefined ? [] : ["--authfile", file];
  return {
    inspect: [...(tlsVerify ? [] : ["--tls-verify=false"]), ...auth],
    copy: [...(tlsVerify ? [] : ["--src-tls-verify=false"]), ...auth],
  };
}

/**
 * Writes credentials as containers-auth.json(5) has them, for nobody else to read, and returns the path.
 * A command line could be read by every user of the machine in /proc.
 */
function writeAuthFile(path: string, name: string, creds: string): string {
  const auth = new TextEncoder().encode(creds.includes(":") ? creds : `${creds}:`).toBase64();
  const [registry = ""] = name.split("/");
  const text = JSON.stringify({ auths: { [registry]: { auth } } });
  Deno.writeTextFileSync(path, text, { mode: 0o600, createNew: true });
  return path;
}

/**
 * Returns the name under which the store keeps the image that was pulled by `name`. It is always the same,
 * so that the next pull takes it over. containers-storage takes it, whatever characters `name` has.
 */
async function storeName(name: string): Promise<string> {
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(name));
  const hex = new Uint8Array(bytes).toHex();
  return `localhost/berth/${hex.slice(0, 40)}:latest`;
}
