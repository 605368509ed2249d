// SPDX-License-Identifier: MIT
import type { FdReserve } from "../linux/fd/fd_reserve.ts";
import type { Poller } from "../linux/fd/poller.ts";
import { startTime } from "../linux/process/process.ts";
import { after } from "../linux/event_loop/timer.ts";
import { ifThere } from "../linux/fs/if_there.ts";
import type { Reaper } from "../linux/process/reaper.ts";
import type { BundlePaths, ShimRecord } from "../oci/bundle_layout.ts";
import { bundlePaths } from "../oci/bundle_layout.ts";
import { writeJsonAtomic } from "../oci/json_file.ts";
import { stackOf } from "../error_text.ts";
import { ByteBudget } from "../rpc/protocol/byte_budget.ts";
import { Server } from "../rpc/transport/server.ts";
import { PROTOCOL, VERSION } from "../version.ts";
import type { ShimProcessMethods } from "./api/methods.ts";
import { shimHandlers } from "./api/methods.ts";
import { removeFile } from "../linux/fs/remove_file.ts";
import { ShimService } from "./service.ts";
import { appendLog } from "./shim_log.ts";

/** Bytes that all connections may hold in all: the daemon is the only one there should be. */
const MAX_HELD_BYTES = 64 * 1024 * 1024;

/**
 * After how many milliseconds a bundle is looked at whose container is not created: it is served no more
 * if no daemon is connected. One that is may take long to make the network, or wait for other creates.
 */
const CREATE_WITHIN = 30_000;

/** As many calls as a daemon makes at once when it finds a shim. */
const FIRST_BURST = 3;

/** How long a caller may keep its connection after the bundle was left, in milliseconds. */
const DRAIN_WITHIN = 1000;

/** Directory of a bundle, and the parts of the process that serves it. */
export interface BundleServerOptions {
  readonly dir: string;
  readonly reaper: Reaper;
  readonly poller: Poller;
  readonly reserve: FdReserve;
  readonly shimProcess: ShimProcessMethods;
  /** Called once, when the bundle is not served any more. */
  readonly onLeft: () => void;
}

/** Serves one bundle: runs its {@linkcode ShimService} behind the bundle's socket. */
export class BundleServer {
  /** The bundle's files. */
  readonly paths: BundlePaths;
  /** Handles the requests on the socket. */
  readonly service: ShimService;
  readonly #options: BundleServerOptions;
  readonly #inode: number | null;
  #server: Server | undefined;
  #timer: Disposable | undefined;
  #left = false;
  #recorded = false;
  /** Resolves when all connections are closed; until then responses may still be queued. */
  closed: Promise<void> = Promise.resolve();

  /** @throws {FailedPreconditionError} if `dir` is no bundle of this format. */
  constructor(options: BundleServerOptions) {
    const { dir, reaper, poller, reserve } = options;
    this.#options = options;
    this.paths = bundlePaths(dir);
    this.service = new ShimService({
      bundleDir: dir,
      adoptable: true,
      reaper,
      poller,
      reserve,
      log: (message) => this.#log(message),
      onBundleGone: () => this.checkDirectory(),
    });
    this.#inode = Deno.statSync(dir).ino;
  }

  /** Listens on the bundle's socket and writes `shim.json`. */
  async open(adopt: boolean): Promise<void> {
    if (adopt) await this.service.adopt();
    this.#server = await Server.listen(this.paths.shimSocket, {
      mode: 0o600,
      budget: new ByteBudget(MAX_HELD_BYTES),
      firstBurst: FIRST_BURST,
      handlers: shimHandlers(this.service, this.#options.shimProcess),
      onDisconnect: () => this.checkDirectory(),
      onError: (message, error) => this.#log(`${message} ${stackOf(error)}`),
    });
    const record: ShimRecord = {
      pid: Deno.pid,
      startTime: startTime(Deno.pid) ?? 0,
      protocol: PROTOCOL,
      version: VERSION,
    };
    writeJsonAtomic(this.paths.shimRecord, record);
    this.#recorded = true;
    this.#checkLater();
  }

  #checkLater(): void {
    this.#timer = after(CREATE_WITHIN, () => this.#checkCreated());
  }

  #log(message: string): void {
    appendLog(this.paths.shimLog, message, this.#options.reserve);
  }

  #checkCreated(): void {
    if (this.service.state().status !== "none") return;
    const [daemon] = this.#server?.peers ?? [];
    if (daemon === undefined) void this.leave();
    else this.#checkLater();
  }

  /** Kills the container and stops serving if the bundle directory is gone. */
  checkDirectory(): void {
    if (this.#left || this.#exists()) return;
    void this.#abandon();
  }

  #exists(): boolean {
    return ifThere(() => Deno.statSync(this.paths.dir).ino) === this.#inode;
  }

  /** Without its bundle the container cannot be managed any more, so it is not left running. */
  async #abandon(): Promise<void> {
    if (this.#left) return;
    try {
      await this.service.abandon();
    } catch (error) {
      console.error(`leaving ${this.paths.dir}, which is gone:`, error);
    }
    await this.leave();
  }

  /** Stops serving. On return the socket is removed; connections close once their queues are sent. */
  async leave(): Promise<void> {
    if (this.#left) return;
    this.#left = true;
    this.#timer?.[Symbol.dispose]();
    this.#server?.stopListening();
    try {
      await this.service.release();
    } catch (error) {
      this.#log(`releasing the stdio of ${this.service.record.id}: ${stackOf(error)}`);
    }
    if (this.#recorded && this.#exists()) removeFile(this.paths.shimRecord);
    this.closed = this.#closeConnections();
    this.#options.onLeft();
  }

  /**
   * Waits for clients to close, as each does once it has its response; after a while cuts the
   * others.
   */
  async #closeConnections(): Promise<void> {
    const peers = Array.from(this.#server?.peers ?? []);
    const bound = Promise.withResolvers<void>();
    using _timer = after(DRAIN_WITHIN, bound.resolve);
    await Promise.race([bound.promise, Promise.all(peers.map((peer) => peer.closed))]);
    await this.#server?.[Symbol.asyncDispose]();
  }
}
