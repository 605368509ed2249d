// SPDX-License-Identifier: MIT
import { getLogger } from "@logtape/logtape";
import { SIGKILL } from "../linux/signals.ts";
import {
  BerthError,
  DeadlineExceededError,
  FailedPreconditionError,
  NotFoundError,
  UnavailableError,
} from "../rpc/errors.ts";
import type { ParamsOf, ResultOf } from "../rpc/method.ts";
import type { ContainerState, ContainerStatus, DeleteResult, ExitResult } from "../rpc/schemas.ts";
import type { ShimContract, ShimState } from "../rpc/shim_contract.ts";
import type { Stats } from "../rpc/stats_schema.ts";
import { backoff } from "./backoff.ts";
import type { Bundle } from "./bundle.ts";
import { ContainerCgroup } from "./container_cgroup.ts";
import type { ContainerContext } from "./container_context.ts";
import { ContainerEvents } from "./container_events.ts";
import { ContainerRemains } from "./container_remains.ts";
import { Lock } from "./lock.ts";
import { Mirror } from "./mirror.ts";
import { endCreate } from "./runtime_calls.ts";
import { isWedged } from "./shim_client.ts";
import type { ShimCallOptions, ShimClient, ShimMethod } from "./shim_client.ts";
import { ShimLink } from "./shim_link.ts";

/** How long a forced delete waits for the shim to show that it is not wedged, in milliseconds. */
const FORCE_AFTER = 2_000;

/** How many shims in a row may die while they take over a container. */
const MOST_ADOPTERS = 3;

/**
 * One container as the daemon has it: its bundle, what is known of its processes, and the way to its
 * shim. What changes its life as a whole (create, reconnect, cleanup, delete) takes the lock;
 * everything else goes to the shim, which orders it.
 */
export class Container {
  readonly bundle: Bundle;
  readonly mirror = new Mirror();
  readonly link: ShimLink;
  readonly #context: ContainerContext;
  readonly #cgroup: ContainerCgroup;
  readonly #events: ContainerEvents;
  readonly #remains: ContainerRemains;
  readonly #lock = new Lock();
  #forgotten = false;
  /** The shim was asked to look at the freezer and has not answered. */
  #looking = false;

  constructor(bundle: Bundle, context: ContainerContext) {
    this.bundle = bundle;
    this.#context = context;
    const { mirror } = this;
    const cgroup = new ContainerCgroup({ bundle, mirror, context, events: () => this.#events });
    this.#cgroup = cgroup;
    this.#events = new ContainerEvents({
      bundle,
      mirror,
      log: context.events,
      beforeExit: () => cgroup.beforeExit(),
      ack: (seq) => this.link.client?.ack(seq),
    });
    this.#remains = new ContainerRemains({ bundle, mirror, cgroup, context, events: this.#events });
    this.link = new ShimLink(bundle, context, {
      event: (event) => this.#events.take(event),
      runtimeCall: (call) => context.onRuntimeCall(this.id, call),
      seen: () => this.#events.shimSeq,
      lost: () => void this.#lost(),
    });
  }

  get id(): string {
    return this.bundle.id;
  }

  // -- create -----------------------------------------------------------------------------------

  /**
   * Gives the bundle a shim and creates the container in it. Rolls everything back when it throws:
   * no shim, no runtime state, no mount, no directory.
   */
  async create(): Promise<void> {
    using _lock = await this.#lock.acquire();
    try {
      const client = await this.link.attach();
      await Promise.all([
        client.call("shim.events", { after: 0 }),
        client.call("shim.create", {}),
      ]);
      this.#cgroup.watchSoon();
    } catch (error) {
      await this.#rollBack(error);
      throw this.#named(error);
    }
  }

  /**
   * Never throws: where something cannot be undone now, the id stays taken by a container that is
   * being cleaned up until it is.
   */
  async #rollBack(cause: unknown): Promise<void> {
    try {
      if (await this.#undoneByShim(cause)) {
        await this.link.leave();
        if (cause instanceof BerthError && cause.data["undone"] === false) {
          await this.#remains.deleteFromRuntime();
        }
      } else {
        this.link.close();
        await this.#remains.destroy();
      }
      await this.#remains.removeBundle();
    } catch (error) {
      getLogger(["berth", "container"]).error(
        "{id}: its create has failed and cannot be undone yet: {reason}",
        { id: this.id, reason: messageOf(error) },
      );
      this.link.died();
      this.#context.onLeftBehind(this);
      void this.#cleanUp();
    }
  }

  /** Whether the shim is well and has undone of a failed create what it could. */
  async #undoneByShim(cause: unknown): Promise<boolean> {
    const { client } = this.link;
    if (client === undefined || isWedged(cause) || !(cause instanceof BerthError)) return false;
    if (answered(cause)) return true;
    if (cause instanceof UnavailableError) return false;
    // It was the runtime that took too long. Other containers may depend on this shim.
    try {
      return (await this.#whenCreated(client, 0)).status === "none";
    } catch (error) {
      if (!(error instanceof BerthError)) throw error;
      return false;
    }
  }

  /** The shim's state once it is not creating any more, for which the runtime has so long, in ms. */
  async #whenCreated(client: ShimClient, bound: number): Promise<ShimState> {
    const { signal } = this.link;
    const { answer } = this.#context.timeouts;
    const begun = performance.now();
    let ended = false;
    for (const delay of backoff({ first: 10, most: 200 })) {
      const now = await client.call("shim.state", {}, { signal });
      if (now.status !== "creating") return now;
      const waited = performance.now() - begun;
      if (waited >= bound && !ended) await endCreate(this.bundle, 0);
      ended ||= waited >= bound;
      if (waited >= bound + answer || !await delay(signal)) break;
    }
    throw new DeadlineExceededError(`container ${this.id}: its create does not end`, {
      data: { id: this.id },
    });
  }

  // -- restart, dead and wedged shims -----------------------------------------------------------

  /**
   * Finds the shim again after a daemon restart and takes over what happened meanwhile. Settles
   * when that is decided; never rejects.
   */
  async reconnect(): Promise<void> {
    using _lock = await this.#lock.acquire();
    try {
      this.#presume();
      if (this.#events.deletedBefore) {
        // Only its directory was left to remove.
        await this.#remains.removeBundle();
        this.#forget();
        return;
      }
    } catch (error) {
      getLogger(["berth", "container"]).error("{id}: not all of its bundle is usable: {reason}", {
        id: this.id,
        reason: messageOf(error),
      });
    }
    await this.#dialAgain();
  }

  /** Until the shim has said how things are, the bundle's files and the journal tell. */
  #presume(): void {
    const exit = this.bundle.exitRecord();
    this.mirror.pid = exit?.pid ?? this.bundle.initPid() ?? 0;
    const { startedAt } = this.#context.events.journal.facts(this.bundle.record.instance);
    if (startedAt !== undefined) {
      this.mirror.startedAt = startedAt;
      this.mirror.status = "running";
    }
    if (exit !== undefined) this.mirror.ended(undefined, exit);
    // Before the shim's events come in: an OOM kill is told before the exit that it caused.
    this.#cgroup.recall();
  }

  /** A refused connection, or no socket, means a dead shim; anything else that it may be wedged. */
  async #dialAgain(): Promise<void> {
    try {
      const client = this.#context.noShim ? await this.link.adopt() : await this.link.connect();
      await this.#takeOver(client, await client.call("shim.state", {}));
    } catch (error) {
      if (error instanceof UnavailableError && error.data["errno"] !== undefined) {
        await this.#shimDied();
        return;
      }
      this.link.unavailable(error);
      // One of another protocol answers, and will not change its mind.
      void this.#retryUnavailable(error instanceof FailedPreconditionError ? 2_000 : 100);
    }
  }

  /** Decides what the state of a found shim means for the container. */
  async #takeOver(client: ShimClient, state: ShimState): Promise<void> {
    const now = state.status === "creating"
      ? await this.#whenCreated(client, this.#context.timeouts.runtime)
      : state;
    if (now.status === "none") {
      if (this.#events.created) {
        throw new FailedPreconditionError(
          `container ${this.id}: its shim does not know of it`,
          { data: { id: this.id } },
        );
      }
      getLogger(["berth", "container"]).info("{id}: its create was never finished; removing it", {
        id: this.id,
      });
      await this.link.leave();
      await this.#remains.removeBundle();
      this.#forget();
      return;
    }
    this.mirror.load(now);
    if (now.status === "deleted") {
      await this.#finishDelete();
      return;
    }
    this.#cgroup.watch();
    this.#context.onReconnect(this);
  }

  /**
   * A wedged shim may come to itself again, or die. Waits for that without the lock, which a forced
   * delete needs.
   */
  async #retryUnavailable(first = 100): Promise<void> {
    const waiting = () => this.link.status === "unavailable" && !this.link.leaving;
    for (const delay of backoff({ first, most: Math.max(first, 500) })) {
      if (!await delay(this.#context.stopping) || !waiting()) return;
      if (!await this.link.probe()) continue;
      using _lock = await this.#lock.acquire();
      if (waiting()) await this.#dialAgain();
      return;
    }
  }

  async #lost(): Promise<void> {
    using _lock = await this.#lock.acquire();
    if (this.link.leaving || this.link.status !== "connecting") return;
    await this.#dialAgain();
  }

  /** What to do about a dead shim: have its container taken over, or remove what it left. */
  async #shimDied(): Promise<void> {
    const log = getLogger(["berth", "shim"]);
    log.warn("{id}: its shim (pid {shim}) is gone", { id: this.id, shim: this.link.pid });
    for (let adopters = MOST_ADOPTERS; adopters > 0 && this.#mayAdopt(); adopters--) {
      try {
        // Two shims must never look after one container, should only its socket be gone.
        await this.#context.shims().kill(this.bundle);
        const client = await this.link.adopt();
        await this.#takeOver(client, await client.call("shim.state", {}));
        return;
      } catch (error) {
        log.error("{id}: cannot adopt it: {reason}", { id: this.id, reason: messageOf(error) });
        // The new one may have been killed too; whatever else it is, the next would fare no better.
        if (!(error instanceof UnavailableError)) break;
      }
    }
    this.link.died();
    void this.#cleanUp();
  }

  #mayAdopt(): boolean {
    return this.#context.onShimDeath === "adopt" && this.mirror.pid !== 0 &&
      this.mirror.exit === undefined && !this.bundle.record.stdio.terminal;
  }

  /** Removes what a dead shim left, again and again until it is gone. */
  async #cleanUp(): Promise<void> {
    for (const delay of backoff({ first: 100, most: 10_000 })) {
      {
        using _lock = await this.#lock.acquire();
        if (this.#forgotten) return;
        try {
          await this.#removeAll();
          return;
        } catch (error) {
          getLogger(["berth", "container"]).error("{id}: cannot clean up, trying again: {reason}", {
            id: this.id,
            reason: messageOf(error),
          });
        }
      }
      if (!await delay(this.#context.stopping)) return;
    }
  }

  /** The whole cleanup after a dead or killed shim; each step may be repeated. */
  async #removeAll(): Promise<DeleteResult> {
    await this.#remains.destroy();
    await this.#remains.removeBundle();
    this.#context.onCleanup();
    this.#forget();
    return this.#remains.result();
  }

  // -- delete -----------------------------------------------------------------------------------

  /**
   * Removes the container: monitors, runtime state and mounts, shim, bundle, in that order. After a
   * failure it can be called again and goes on where it stopped, with the same answer.
   *
   * @throws {FailedPreconditionError} if it runs and `force` is not given.
   */
  async delete(force: boolean): Promise<DeleteResult> {
    if (force) this.link.giveUp();
    using _lock = await this.#lock.acquire();
    if (this.#forgotten) {
      // It was still there when this was asked.
      if (this.#events.created) return this.#remains.result();
      throw new NotFoundError(`no container ${this.id}`, { data: { id: this.id } });
    }
    try {
      return await this.#delete(force);
    } catch (error) {
      throw this.#named(error);
    }
  }

  async #delete(force: boolean): Promise<DeleteResult> {
    if (this.#remains.deletedByShim !== undefined) return await this.#finishDelete();
    // It is being removed already; this is as good a time to try again as any.
    if (this.link.status === "gone") return await this.#removeAll();
    const { status } = this.mirror;
    const alive = status === "running" || status === "paused";
    if (!force && alive) {
      throw new FailedPreconditionError(
        `container ${this.id} is ${status}: stop it first, or delete it with force`,
        { data: { id: this.id } },
      );
    }
    const { client } = this.link;
    if (client === undefined) {
      if (!force) throw this.link.unreachable();
      return await this.#removeByForce();
    }
    try {
      if (force) {
        await client.call("shim.connect", {}, { signal: AbortSignal.timeout(FORCE_AFTER) });
      }
      if (alive) await this.#killAll(client);
      this.#cgroup.stopMonitors();
      this.#remains.deletedByShim = await client.call("shim.delete", {});
    } catch (error) {
      if (force && !answered(error)) return await this.#removeByForce();
      if (this.mirror.exit === undefined) this.#cgroup.startMonitors();
      throw this.#noted(client, error);
    }
    return await this.#finishDelete();
  }

  /** Removes it without its shim's help; goes on with it in the background if that fails. */
  async #removeByForce(): Promise<DeleteResult> {
    this.link.close();
    try {
      return await this.#removeAll();
    } catch (error) {
      this.link.died();
      void this.#cleanUp();
      throw error;
    }
  }

  async #killAll(client: ShimClient): Promise<void> {
    try {
      await client.call("shim.kill", { signal: SIGKILL, all: true });
    } catch (error) {
      // It exited by itself in the meantime.
      if (!(error instanceof NotFoundError)) throw error;
    }
    const signal = AbortSignal.timeout(this.#context.timeouts.runtime);
    try {
      await this.mirror.wait(this.id, undefined, signal);
    } catch (error) {
      throw new DeadlineExceededError(`container ${this.id} does not die of SIGKILL`, {
        cause: error,
        data: { id: this.id },
      });
    }
  }

  /** What is left once the shim has deleted the container: the shim and the bundle. */
  async #finishDelete(): Promise<DeleteResult> {
    await this.link.leave();
    await this.#remains.removeBundle();
    this.#forget();
    return this.#remains.result();
  }

  #forget(): void {
    this.#forgotten = true;
    this.#cgroup.stopMonitors();
    this.#context.onForgotten(this);
  }

  // -- what is asked of it ----------------------------------------------------------------------

  /** Calls the shim; errors name the container. */
  async call<N extends ShimMethod>(
    name: N,
    params: ParamsOf<ShimContract, N>,
    options?: ShimCallOptions,
  ): Promise<ResultOf<ShimContract, N>> {
    const { client } = this.link;
    try {
      if (client === undefined) throw this.link.unreachable();
      // Before its process can run, or end.
      if (name === "shim.start" || name === "shim.kill") this.#cgroup.watchIfDue();
      const result = await client.call(name, params, options);
      // A restore makes init only at start, so that its cgroup is not known before.
      if (name === "shim.start" && !this.#cgroup.known) this.#cgroup.watch();
      return result;
    } catch (error) {
      throw this.#named(this.#noted(client, error));
    }
  }

  /**
   * A shim that gave no answer is not asked again before it has answered a connection, so that
   * nothing piles up for it. What else it was asked ends the same way.
   */
  #noted(client: ShimClient | undefined, error: unknown): unknown {
    if (isWedged(error) && client !== undefined && this.link.client === client) {
      this.link.unavailable(error);
      void this.#retryUnavailable();
    }
    const cut = error instanceof UnavailableError && this.link.status === "unavailable";
    return cut ? this.link.unreachable() : error;
  }

  /** Answers when init, or an exec, has ended. */
  wait(execId: string | undefined, signal: AbortSignal): Promise<ExitResult> {
    return this.mirror.wait(this.id, execId, signal);
  }

  /**
   * The cgroup figures.
   *
   * @throws {FailedPreconditionError} if the container has no cgroup (any more).
   */
  stats(): Stats {
    return this.#cgroup.stats();
  }

  /** Every process in the cgroup, with the exec that it is where that is known. */
  pids(): { pid: number; execId?: string }[] {
    return this.#cgroup.pids();
  }

  /** Everything about the container, from what the daemon knows. */
  state(): ContainerState {
    const { record, paths } = this.bundle;
    const { exit, pid, startedAt } = this.mirror;
    return {
      id: record.id,
      instance: record.instance,
      status: this.status,
      pid,
      bundle: paths.dir,
      runtime: record.runtime,
      ...record.stdio,
      labels: { ...record.labels },
      createdAt: record.createdAt,
      ...(startedAt === undefined ? {} : { startedAt }),
      ...(exit ? { exitStatus: exit.exitStatus, exitedAt: exit.exitedAt } : {}),
      ...(exit?.exitStatusUnknown ? { exitStatusUnknown: true } : {}),
      ...(this.#events.oomKills > 0 ? { oomKilled: true } : {}),
      ...(record.group === undefined ? {} : { group: record.group }),
      shimPid: this.link.pid,
      shim: this.link.status,
      processes: this.mirror.execs(),
    };
  }

  /** The status, with a pause or resume made behind berth's back. */
  get status(): ContainerStatus {
    const { status } = this.mirror;
    if (status !== "running" && status !== "paused") return status;
    const { frozen } = this.#cgroup;
    if (frozen === undefined) return status;
    const now = frozen ? "paused" : "running";
    if (now !== status) this.#haveShimLook();
    return now;
  }

  /** Has the shim notice the pause or resume, and so publish it. */
  #haveShimLook(): void {
    if (this.#looking) return;
    this.#looking = true;
    // What fails now is noticed at the next look.
    this.link.client?.call("shim.state", {}).catch(() => {}).finally(() => this.#looking = false);
  }

  /** Lets go of the shim, which goes on. */
  [Symbol.dispose](): void {
    this.link.close();
  }

  #named(error: unknown): unknown {
    if (error instanceof BerthError) error.data.id ??= this.id;
    return error;
  }
}

/** Whether the shim has said this, so that it is there and knows what it does. */
function answered(error: unknown): boolean {
  return error instanceof BerthError && !(error instanceof DeadlineExceededError) &&
    !(error instanceof UnavailableError);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
