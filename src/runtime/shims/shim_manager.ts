// SPDX-License-Identifier: MIT
import { failpointAsync } from "../../failpoint.ts";
import { BerthError, DeadlineExceededError, FailedPreconditionError } from "../../rpc/errors.ts";
import type { ResultOf } from "../../rpc/contract/method.ts";
import type { ShimContract, ShimState } from "../../rpc/contract/shim.ts";
import { PROTOCOL } from "../../version.ts";
import type { Bundle } from "../bundle/bundle.ts";
import { KeyedMutex } from "../util/locks.ts";
import { logFailure } from "../util/log_failure.ts";
import { ShimClient, type ShimListener, type ShimTimeouts } from "./shim_client.ts";

/** A shim that serves a bundle, and the connection to it. */
export interface ConnectedShim {
  readonly client: ShimClient;
  readonly pid: number;
}

/** The connection to a shim that was found again, and its answer. */
export interface FoundShim {
  readonly client: ShimClient;
  /** The state after all events that have come in by now. */
  readonly state: ShimState;
}

/** Listens to the shim of one container. */
export interface ContainerListener extends ShimListener {
  /** There is a connection. Called before another container of its group looks for a shim. */
  connected(shim: ConnectedShim): void;
}

/** How {@linkcode ShimManager.connect} connects. */
export interface ShimConnectOptions {
  /** Number of the shim's last event that was taken over; it sends those after it. */
  readonly after: number;
  /** Ends the waiting for a shim that does not answer. */
  readonly signal: AbortSignal;
}

/** How containers get, reach and leave their shims; where the shims run is up to the subclass. */
export abstract class ShimManager implements AsyncDisposable {
  readonly #timeouts: ShimTimeouts;
  /** Held while a container gets its shim, so that the next of its group finds that shim. */
  readonly #groupLocks = new KeyedMutex();

  constructor(timeouts: ShimTimeouts) {
    this.#timeouts = timeouts;
  }

  /** How many shims wait for a container. */
  abstract readonly idle: number;

  /** Makes a shim serve the bundle. Returns the pid of the shim. */
  protected abstract serve(bundle: Bundle, adopt: boolean): Promise<number>;

  /** Makes the shim stop serving its bundle. May keep the shim for another bundle. */
  protected abstract leave(client: ShimClient, pid: number): Promise<void>;

  /** Makes sure that no shim serves the bundle any more, however that has to be done. */
  abstract kill(bundle: Bundle): Promise<void>;

  /** Disconnects from all shims. Those that serve a container keep running. */
  abstract [Symbol.asyncDispose](): Promise<void>;

  /**
   * Makes a shim serve the new bundle, and connects to it. Its events have yet to be asked for: this
   * waits for no answer that it can do without.
   */
  async attach(bundle: Bundle, listener: ContainerListener): Promise<ShimClient> {
    using _lock = await this.#lockGroup(bundle);
    const pid = await this.serve(bundle, false);
    const client = await this.#dial(bundle, listener);
    listener.connected({ client, pid });
    return client;
  }

  /** Makes a shim take over the bundle's container, and connects to it as {@linkcode connect} does. */
  async adopt(
    bundle: Bundle,
    listener: ContainerListener,
    options: ShimConnectOptions,
  ): Promise<FoundShim> {
    await failpointAsync("shims.adopt");
    using _lock = await this.#lockGroup(bundle);
    await this.serve(bundle, true);
    return await this.connect(bundle, listener, options);
  }

  async #lockGroup({ record: { group } }: Bundle): Promise<Disposable | undefined> {
    return group === undefined ? undefined : await this.#groupLocks.acquire(group);
  }

  /**
   * Dials the shim that serves the bundle, takes its events from where the journal ends, and asks for
   * its state, all in one round trip: a daemon that starts does so with every shim.
   *
   * @throws {UnavailableError} with `data.errno` if no process listens: the shim is dead.
   * @throws {DeadlineExceededError} if it does not answer.
   * @throws {FailedPreconditionError} if it speaks another protocol.
   */
  async connect(
    bundle: Bundle,
    listener: ContainerListener,
    { after, signal }: ShimConnectOptions,
  ): Promise<FoundShim> {
    const client = await this.#dial(bundle, listener);
    try {
      const first = client.call("shim.connect", {}, { signal });
      const others = Promise.all([
        client.call("shim.events", { after }, { signal }),
        client.call("shim.state", {}, { signal }),
      ]);
      // A shim of another protocol may not know these calls: its protocol is the error then.
      others.catch(() => {});
      const hello = await first;
      checkProtocol(bundle.id, hello);
      const [, state] = await others;
      listener.connected({ client, pid: hello.pid });
      return { client, state };
    } catch (error) {
      client.close();
      throw error;
    }
  }

  /**
   * Asks a shim that gave no answer again, on a connection of its own. Returns whether it is worth
   * connecting: it has answered, or is gone.
   */
  async probe(bundle: Bundle): Promise<boolean> {
    try {
      using client = await this.#dial(bundle, { event() {} });
      await client.call("shim.connect", {});
    } catch (error) {
      return !(error instanceof DeadlineExceededError);
    }
    return true;
  }

  /** Makes the shim leave the bundle, which will be removed. Kills a shim that does not leave. */
  async detach(bundle: Bundle, { client, pid }: ConnectedShim): Promise<void> {
    try {
      await this.leave(client, pid);
    } catch (error) {
      if (!(error instanceof BerthError)) throw error;
      logFailure(
        "warn",
        "shim",
        "{id}: its shim did not leave when asked, killing it: {reason}",
        error,
        {
          id: bundle.id,
        },
      );
      await this.kill(bundle);
    }
    client.close();
  }

  async #dial(bundle: Bundle, listener: ShimListener): Promise<ShimClient> {
    return await ShimClient.dial(bundle.paths.shimSocket, listener, this.#timeouts);
  }
}

/**
 * Checks the protocol of a shim.
 *
 * @throws {FailedPreconditionError} if it speaks another protocol than this daemon.
 */
function checkProtocol(id: string, hello: ResultOf<ShimContract, "shim.connect">): void {
  if (hello.protocol === PROTOCOL) return;
  throw new FailedPreconditionError(
    `container ${id}: its shim (berth ${hello.version}, pid ${hello.pid}) speaks protocol ` +
      `${hello.protocol}, this daemon ${PROTOCOL}; it is left alone: use the berth that started it`,
    { data: { id, protocol: hello.protocol } },
  );
}
