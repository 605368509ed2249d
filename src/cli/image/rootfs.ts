// SPDX-License-Identifier: MIT
// Opens the image or directory that a container is made from, and pulls the image if needed.
import { exists } from "../../linux/fs/exists.ts";
import { fdPath } from "../../linux/fd/fd.ts";
import { isRefused, LinuxError } from "../../linux/libc/errno.ts";
import { openView } from "../../linux/mount/view.ts";
import { ImageClashError, ImageError, ImageNotFoundError } from "../../images/image_errors.ts";
import { findImage } from "../../images/store/find.ts";
import {
  commandOf,
  type ImageConfig,
  isFor,
  parseImageConfig,
  platformText,
} from "../../images/image_config.ts";
import { machineNotes, type NoteOptions } from "../../images/image_notes.ts";
import { checkImage } from "../../images/check_image.ts";
import { parseReference, shortName } from "../../images/reference.ts";
import { overlayMount } from "../../images/overlay_mount.ts";
import { removeMarked, removeRefused } from "../../images/remove/leftovers.ts";
import type { StoredImage } from "../../images/store/graph.ts";
import { ImageStore } from "../../images/store/image_store.ts";
import { checkUserFiles } from "../../oci/spec/passwd.ts";
import { InvalidParamsError } from "../../rpc/errors.ts";
import { CliError } from "../common/exit_status.ts";
import { printError, printStderr } from "../text/print.ts";
import { pullForPerson, type QuietOption } from "./pull_progress.ts";
import { registryAccess, type RegistryOptions } from "./registry_options.ts";
import { cleanUp, type DaemonRoot, usedImages } from "./store.ts";

/** The image of a container. */
export interface ContainerImage {
  /** The name or id that it was asked for by. */
  readonly name: string;
  readonly id: string;
  readonly config: ImageConfig;
}

/** The options that name the source of a container. */
export interface RootfsOptions extends RegistryOptions, QuietOption {
  readonly rootfs?: string;
  readonly overlay?: true;
  readonly bundle?: string;
  readonly entrypoint?: string;
  readonly pull?: "missing" | "always" | "never";
  /** Which notes are printed of an image that is pulled. */
  readonly notes?: NoteOptions;
}

/** The source of a container's root filesystem. It is held until it is disposed of. */
export interface Rootfs extends Disposable {
  /** Where names are looked up; the path is this process's alone. */
  readonly path: string;
  /** Directories below the container's own layer, the topmost first; none where it has no layer. */
  readonly lowers: readonly string[];
  /** The command and its arguments. */
  readonly args: readonly string[];
  readonly image: ContainerImage | undefined;
  /** Removes the images that were to be removed while it was held; called once it is disposed of. */
  finishRemovals(): Promise<void>;
}

/**
 * Opens the source of the container that `run` or `create` makes: the directory of `--rootfs`, or the
 * image that the first argument names, which is pulled as `--pull` says. A `--bundle` needs none.
 *
 * @throws {CliError} if nothing was named, or no command.
 * @throws {ImageError} if there is no such image; the signal's reason.
 */
export async function openRootfs(
  options: RootfsOptions,
  args: readonly string[],
  { daemon, root }: DaemonRoot,
  signal: AbortSignal,
): Promise<Rootfs> {
  const held = { [Symbol.dispose]() {}, finishRemovals: () => Promise.resolve() };
  if (options.bundle !== undefined) {
    return { ...held, path: "", lowers: [], args, image: undefined };
  }
  if (options.rootfs !== undefined) {
    const path = realDirectory(options.rootfs);
    checkVisibleUserFiles(path);
    const entrypoint = options.entrypoint ? [options.entrypoint] : [];
    const command = [...entrypoint, ...args];
    if (command.length === 0) throw new CliError("say which command to run, after the options");
    const lowers = options.overlay ? [path] : [];
    return { ...held, path, lowers, args: command, image: undefined };
  }
  const [name, ...command] = args;
  if (name === undefined) {
    throw new CliError(
      "say what to run: an image, --rootfs DIR, or --bundle DIR; docs/images.md has a root " +
        "filesystem of two lines",
    );
  }
  return await openImage(options, name, command, { daemon, root }, signal);
}

async function openImage(
  options: RootfsOptions,
  name: string,
  command: readonly string[],
  { daemon, root }: DaemonRoot,
  signal: AbortSignal,
): Promise<Rootfs> {
  const store = await ImageStore.open(root);
  const hold = () => holdImage(store, options, name, command, signal);
  try {
    const held = await hold().catch(async (error: unknown) => {
      // An image that an earlier pull refused may be in the way.
      if (!(error instanceof ImageClashError) || !await removeRefused(store)) throw error;
      return await hold();
    });
    const finishRemovals = async () => {
      await removeMarked(store, () => usedImages(daemon)).catch(printError);
    };
    return { ...held, finishRemovals };
  } catch (error) {
    // A pull that failed may never be tried again.
    await cleanUp(store, daemon);
    throw error;
  }
}

async function holdImage(
  store: ImageStore,
  options: RootfsOptions,
  name: string,
  command: readonly string[],
  signal: AbortSignal,
): Promise<Omit<Rootfs, "finishRemovals">> {
  // Until the container is there: from then on its labels say that it uses the image.
  using stack = new DisposableStack();
  stack.use(await store.lock.use(signal));
  const { image, here } = await obtain(store, name, options, signal);
  signal.throwIfAborted();
  // One that a pull has refused may still be there.
  const config = asImage(name, () => checkImage(store, image));
  // As docker does, each time: nobody asked for the image of another machine.
  if (here !== undefined && options.platform === undefined) {
    for (const note of machineNotes(config)) printStderr(`${shortName(here)} ${note}`);
  }
  const lowers = store.graph.layerDirs(image);
  if (lowers.length === 0) {
    throw new ImageError(`image ${name} has no layers: nothing can run in it`);
  }
  const place = Deno.makeTempDirSync({ dir: store.temporary });
  stack.defer(() => Deno.removeSync(place));
  // An overlay needs two directories, or an upper one.
  const view = lowers.length > 1
    ? overlayMount(lowers)
    : { type: "bind", source: lowers.join(), options: ["ro"] };
  const path = fdPath(stack.use(asImage(name, () => openView(view, place))).fd);
  asImage(name, () => checkUserFiles(path));
  const run = commandOf(config, command, options.entrypoint);
  const held = stack.move();
  return {
    path,
    lowers,
    args: run,
    image: { name, id: image.id, config },
    [Symbol.dispose]: () => held.dispose(),
  };
}

/** Runs {@linkcode checkUserFiles} on a directory, unless this user may not look into it; the runtime may. */
function checkVisibleUserFiles(rootfs: string): void {
  try {
    checkUserFiles(rootfs);
  } catch (error) {
    if (!isRefused(error)) throw error;
  }
}

/** Runs `check` on an image, which may not be fit for it; the error then names the image. */
function asImage<T>(name: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    const isUnfit = error instanceof ImageError || error instanceof InvalidParamsError ||
      error instanceof LinuxError;
    if (!isUnfit) throw error;
    throw new ImageError(`cannot run image ${name}: ${error.message}`, { cause: error });
  }
}

/** Returns an image; `here` is the name of one that was not pulled for this. */
async function obtain(
  store: ImageStore,
  name: string,
  options: RootfsOptions,
  signal: AbortSignal,
): Promise<{ readonly image: StoredImage; readonly here?: string }> {
  const { pull = "missing" } = options;
  /** Why the image of that name that is here will not do. */
  let other = "";
  if (pull !== "always") {
    try {
      const { image, name: found } = findImage(store, name);
      other = otherPlatform(store, image, options);
      if (other !== "") {
        const message = `image ${name} here ${other}`;
        if (found === undefined) throw new ImageError(message);
        throw new ImageNotFoundError(message);
      }
      // A source on this machine may have changed, and costs little to look at.
      if (pull === "never" || found === undefined || !parseReference(name).local) {
        return { image, here: found ?? name };
      }
    } catch (error) {
      if (!(error instanceof ImageNotFoundError) || pull === "never") throw error;
    }
  }
  try {
    const access = { ...registryAccess(options), quiet: options.quiet, signal };
    return { image: await pullForPerson(store, parseReference(name), access, options.notes) };
  } catch (error) {
    if (error instanceof ImageError && other !== "") {
      throw new CliError(`${error.message}; the image of that name here ${other}`, {
        cause: error,
      });
    }
    if (!(error instanceof ImageError) || name.includes(":") || !exists(name)) throw error;
    throw new CliError(`${error.message}; to run in the directory ${name}, say --rootfs ${name}`, {
      cause: error,
    });
  }
}

/** Returns the fault of an image for another machine than was asked for; empty if it has none. */
function otherPlatform(
  store: ImageStore,
  image: StoredImage,
  { platform }: RootfsOptions,
): string {
  if (platform === undefined) return "";
  const config = parseImageConfig(store.graph.configText(image));
  if (isFor(config, platform)) return "";
  return `is for ${platformText(config)}, not for what --platform says`;
}

/** Returns the directory without links; a {@linkcode CliError} where it is none. */
export function realDirectory(path: string): string {
  try {
    const real = Deno.realPathSync(path);
    if (Deno.statSync(real).isDirectory) return real;
  } catch (error) {
    const why = error instanceof Deno.errors.NotFound ? "no such directory" : `${error}`;
    throw new CliError(`${path}: ${why}`, { cause: error });
  }
  throw new CliError(`${path} is not a directory`);
}
