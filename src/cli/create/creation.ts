// SPDX-License-Identifier: MIT
import type { DaemonConnection } from "../common/daemon.ts";
import { listAllContainers } from "../common/containers.ts";
import { removeWithFiles } from "../container/remove.ts";
import { explainFailure } from "../image/explain.ts";
import { openRootfs } from "../image/rootfs.ts";
import { findNamespaces } from "../options/namespaces.ts";
import { chooseNetwork, couldPublish } from "../options/network.ts";
import type { ContainerOptions } from "../options/options.ts";
import { UserNamespaces } from "../options/user_namespace.ts";
import { printError } from "../text/print.ts";
import type { FifoStreams } from "../process_io/fifo_streams.ts";
import { CidFile } from "./cid_file.ts";
import {
  createDetached,
  createForeground,
  type CreationOptions,
  type RequestFor,
} from "./create_container.ts";
import type { CreateInput } from "./create_input.ts";
import { createRequest } from "./create_request.ts";
import { readOptionFiles } from "./option_files.ts";

/** {@linkcode createDetached} or {@linkcode createForeground}. */
type Create<T> = (
  daemon: DaemonConnection,
  root: string,
  options: CreationOptions,
  requestFor: RequestFor,
) => Promise<T>;

/**
 * The container that `berth run` or `berth create` is to make: holds its image, its range of user ids
 * and its `--cidfile` until it is there. Whatever came of it, the images are removed afterwards that were
 * to be removed meanwhile ({@linkcode finishRemovals}).
 */
export class Creation implements AsyncDisposable {
  readonly #daemon: DaemonConnection;
  readonly #input: Omit<CreateInput, "network">;
  readonly #cidFile: CidFile;
  readonly #held: Disposable;
  readonly #signal: AbortSignal;
  #removals: Promise<void> | undefined;

  private constructor(
    daemon: DaemonConnection,
    input: Omit<CreateInput, "network">,
    cidFile: CidFile,
    held: Disposable,
    signal: AbortSignal,
  ) {
    this.#daemon = daemon;
    this.#input = input;
    this.#cidFile = cidFile;
    this.#held = held;
    this.#signal = signal;
  }

  /**
   * Opens what the options and the arguments name, for which an image may be pulled. The signal ends that,
   * and a create too, of which then nothing is left.
   *
   * @throws {CliError} if the options do not go together, or nothing is named.
   * @throws {ImageError} if there is no such image; the signal's reason.
   */
  static async open(
    daemon: DaemonConnection,
    options: ContainerOptions,
    args: readonly string[],
    signal: AbortSignal,
  ): Promise<Creation> {
    const files = await readOptionFiles(options, signal);
    const { root, defaults, runtime } = await daemon.call("daemon.info", {}, { signal });
    const namespaces = await findNamespaces(daemon, options, signal);
    const list = () => listAllContainers(daemon);
    using held = new DisposableStack();
    const userNamespaces = held.use(
      UserNamespaces.find(list, options, { root, remap: defaults.usernsRemap }),
    );
    const cidFile = held.use(new CidFile(options.cidfile));
    const wanted = { ...options, notes: { ports: couldPublish(options) } };
    const rootfs = held.use(await openRootfs(wanted, args, { daemon, root }, signal));
    const input = {
      ...{ options, files, rootfs, root, namespaces, defaults, userNamespaces },
      runtime: options.runtime ?? runtime.path,
    };
    return new Creation(daemon, input, cidFile, held.move(), signal);
  }

  /** Takes the id in the `--cidfile` back: its container could not be started, and was removed again. */
  takeBackId(): void {
    this.#cidFile.takeBack();
  }

  /** The daemon's root directory. */
  get root(): string {
    return this.#input.root;
  }

  /** Creates the container without a client, and returns its id; see {@linkcode createDetached}. */
  async detached(): Promise<string> {
    const { id } = await this.#create(createDetached, this.#signal);
    return id;
  }

  /**
   * Creates the container with its stdio wired to this process; see {@linkcode createForeground}.
   * `giveUp` takes the create back.
   */
  async foreground(
    giveUp: AbortSignal,
  ): Promise<{ id: string; streams: FifoStreams; lock: Disposable }> {
    return await this.#create(createForeground, giveUp);
  }

  async #create<T extends { id: string }>(create: Create<T>, giveUp: AbortSignal): Promise<T> {
    const { options, root, rootfs } = this.#input;
    const ofImage = rootfs.image !== undefined;
    const network = await chooseNetwork(this.#daemon, options, ofImage, giveUp);
    const input = { ...this.#input, network };
    const requestFor: RequestFor = (id, held) => {
      this.#signal.throwIfAborted();
      return createRequest(id, input, held);
    };
    const made = await create(
      this.#daemon,
      root,
      { name: options.name, interactive: options.interactive ?? false, giveUp },
      requestFor,
    ).catch((error: unknown) => {
      throw explainFailure(error, rootfs);
    });
    try {
      this.#signal.throwIfAborted();
      this.#cidFile.write(made.id);
    } catch (error) {
      // Nobody would know of it, or nobody wants it any more.
      await removeWithFiles(this.#daemon, root, made.id, true).catch(printError);
      throw error;
    }
    // The container keeps its image itself from now on.
    this.#held[Symbol.dispose]();
    return made;
  }

  /**
   * Lets go of all that is held, and removes the images that were to be removed meanwhile. For when the
   * container runs, which need not wait for it.
   */
  async finishRemovals(): Promise<void> {
    this.#held[Symbol.dispose]();
    this.#removals ??= this.#input.rootfs.finishRemovals();
    await this.#removals;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.finishRemovals();
  }
}
