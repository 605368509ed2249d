// SPDX-License-Identifier: MIT
import { FdReserve } from "../linux/fd/fd_reserve.ts";
import { Poller } from "../linux/fd/poller.ts";
import type { Reaper } from "../linux/process/reaper.ts";
import { FailedPreconditionError } from "../rpc/errors.ts";
import { dial } from "../rpc/transport/dial.ts";
import type { Peer } from "../rpc/peer/peer.ts";
import { PROTOCOL, VERSION } from "../version.ts";
import { checked } from "./api/methods.ts";
import { BundleServer } from "./bundle_server.ts";
import { MemoryTrim } from "./memory_trim.ts";
import type { ShimLog } from "./shim_log.ts";
import { stopAtShutdown } from "./shutdown.ts";

/** The reaper and the log of a shim process, and a listener for its end. */
export interface ShimProcessOptions {
  readonly reaper: Reaper;
  readonly log: ShimLog;
  /** Called once, when this process has nothing to serve any more. */
  readonly onDone: () => void;
}

/**
 * One shim process. It serves bundles and, while it serves none, waits on its connection to the
 * daemon. It ends when it has neither.
 */
export class ShimProcess {
  readonly #options: ShimProcessOptions;
  readonly #poller = new Poller();
  readonly #reserve = new FdReserve();
  readonly #trim = new MemoryTrim();
  readonly #bundles = new Map<string, BundleServer>();
  #control: Peer | undefined;
  #closing: Promise<unknown> = Promise.resolve();
  #done = false;

  constructor(options: ShimProcessOptions) {
    this.#options = options;
  }

  /** Whether it serves any bundle. */
  get serving(): boolean {
    return this.#bundles.size > 0;
  }

  /** Stops all its containers; see {@linkcode stopAtShutdown}. */
  async stopContainers(): Promise<void> {
    // One that cannot be stopped must not keep the others' shim.
    const report = (error: unknown) => console.error("cannot stop a container:", error);
    await Promise.all(
      [...this.#bundles.values()].map(({ service }) => stopAtShutdown(service).catch(report)),
    );
  }

  /**
   * Dials the daemon at `path`, which may then call `shim.serve`.
   *
   * @throws {UnavailableError} if no daemon listens there.
   */
  async connect(path: string): Promise<void> {
    const handlers = checked({
      "shim.connect": () => ({ pid: Deno.pid, version: VERSION, protocol: PROTOCOL, instance: "" }),
      "shim.serve": ({ bundle, adopt }) => this.serve(bundle, adopt === true),
    });
    this.#control = await dial(path, {
      handlers,
      onClose: () => this.#controlClosed(),
      onError: (message, error) => console.error(message, error),
    });
  }

  #controlClosed(): void {
    this.#control = undefined;
    for (const bundle of this.#bundles.values()) bundle.checkDirectory();
    this.#leaveIfDone();
  }

  /**
   * Serves `bundle` from now on.
   *
   * @throws {FailedPreconditionError} if it is served already or is no bundle.
   */
  async serve(bundle: string, adopt: boolean): Promise<{ pid: number }> {
    if (this.#bundles.has(bundle)) {
      throw new FailedPreconditionError(`this shim already serves ${bundle}`);
    }
    const { reaper, log } = this.#options;
    const served: BundleServer = new BundleServer({
      dir: bundle,
      reaper,
      poller: this.#poller,
      reserve: this.#reserve,
      shimProcess: {
        exit: (reuse) => this.#exit(served, reuse),
        serve: (other, adoptOther) => this.serve(other, adoptOther),
        started: () => this.#trim.schedule(),
        called: () => this.#trim.countCall(),
      },
      onLeft: () => this.#left(served),
    });
    this.#bundles.set(bundle, served);
    if (this.#bundles.size === 1) log.redirect(served.paths.shimLog);
    try {
      await served.open(adopt);
    } catch (error) {
      await served.leave();
      throw error;
    }
    return { pid: Deno.pid };
  }

  async #exit(served: BundleServer, reuse: boolean): Promise<{ reused: boolean }> {
    if (!served.service.idle) {
      const { id } = served.service.record;
      throw new FailedPreconditionError(
        `the shim cannot leave container ${id}: it is ${served.service.state().status}`,
        { data: { id } },
      );
    }
    await served.leave();
    const reused = reuse && !this.#done && !this.serving && this.#control !== undefined &&
      this.#options.reaper.watchedCount === 0;
    // Without reuse it leaves although the daemon is there.
    if (!reused && !this.serving) this.#finish();
    return { reused };
  }

  #left(served: BundleServer): void {
    this.#bundles.delete(served.paths.dir);
    this.#closing = Promise.all([this.#closing, served.closed]);
    if (!this.serving) {
      this.#options.log.restore();
      this.#trim[Symbol.dispose]();
    }
    this.#leaveIfDone();
  }

  #leaveIfDone(): void {
    if (!this.serving && this.#control === undefined) this.#finish();
  }

  #finish(): void {
    if (this.#done) return;
    this.#done = true;
    this.#closing.then(() => this.#options.onDone());
  }
}
