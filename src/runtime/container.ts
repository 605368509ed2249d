// SPDX-License-Identifier: MIT
import { getLogger } from "@logtape/logtape";
import type { Cgroup } from "../linux/cgroup.ts";
import { freezerState, pids, readStats } from "../linux/cgroup.ts";
import { SIGKILL } from "../linux/signals.ts";
import {
  BerthError,
  DeadlineExceededError,
  FailedPreconditionError,
  NotFoundError,
  UnavailableError,
} from "../rpc/errors.ts";
import type { ParamsOf, ResultOf } from "../rpc/method.ts";
import type { ContainerState, DeleteResult, ExitResult, ShimStatus } from "../rpc/schemas.ts";
import type { ShimContract, ShimEvent, ShimState } from "../rpc/shim_contract.ts";
import type { Stats } from "../rpc/stats_schema.ts";
import { backoff } from "./backoff.ts";
import type { Bundle } from "./bundle.ts";
import { cgroupOf, recordCgroup, recordedCgroup } from "./bundle_cgroup.ts";
import type { ContainerContext } from "./container_context.ts";
import { destroyContainer } from "./destroy.ts";
import type { EventDraft } from "./event_log.ts";
import { Lock } from "./lock.ts";
import { Mirror } from "./mirror.ts";
import type { Monitored } from "./monitor.ts";
import type { ShimCallOptions, ShimClient, ShimMethod } from "./shim_client.ts";

/** How the daemon stands with the container's shim. */
type Link =
  | { readonly status: "connecting" }
  | { readonly status: "connected"; readonly client: ShimClient }
  /** It was reached once or its socket is taken, but it does not answer: it may be wedged. */
  | { readonly status: "unavailable"; readonly reason: string }
  /** It died; what it left is being cleaned up. */
  | { readonly status: "gone" };

/**
 * One container as the daemon has it: its bundle, what is known of its processes, and the way to its
 * shim. What changes its life as a whole (create, delete, cleanup) takes the lock; everything else
 * goes to the shim, which orders it.
 */
export class Container {
  readonly bundle: Bundle;
  readonly mirror = new Mirror();
  readonly #context: ContainerContext;
  readonly #lock = new Lock();
  #link: Link = { status: "connecting" };
  #shimPid = 0;
  #cgroup: Cgroup | undefined;
  #oomKills: number;
  /** The highest event of the shim that was taken over. */
  #shimSeq: number;
  /** How the container ended, once the shim has deleted it: a retried delete answers the same. */
  #deleted: DeleteResult | undefined;
  /** The shim was told to leave: that its connection ends is no death. */
  #leaving = false;
  #forgotten = false;

  constructor(bundle: Bundle, context: ContainerContext) {
    this.bundle = bundle;
    this.#context = context;
    const facts = context.events.journal.facts(bundle.record.instance);
    this.#shimSeq = facts.shimSeq;
    this.#oomKills = facts.oomKills;
  }

  get id(): string {
    return this.bundle.id;
  }

  get instance(): string {
    return this.bundle.record.instance;
  }

  /** The shim group that this container asked for. */
  get group(): string | undefined {
    return this.bundle.record.group;
  }

  /** The pid of the shim, 0 before there is one. */
  get shimPid(): number {
    return this.#shimPid;
  }

  /** How the daemon stands with the shim. */
  get shimStatus(): ShimStatus {
    return this.#link.status === "connected" && this.#context.noShim ? "none" : this.#link.status;
  }

  /** The connection to the shim while there is one. */
  get client(): ShimClient | undefined {
    return this.#link.status === "connected" ? this.#link.client : undefined;
  }

  // -- life -------------------------------------------------------------------------------------

  /**
   * Gives the bundle a shim and creates the container in it. Rolls everything back when it throws:
   * no shim, no runtime state, no mount, no directory.
   */
  async create(): Promise<void> {
    using _lock = await this.#lock.acquire();
    try {
      const client = await this.#attach(false);
      await client.call("shim.create", {});
      this.#watchCgroup();
    } catch (error) {
      await this.#rollBack(error);
      throw this.#named(error);
    }
  }

  /** Serves the bundle by a shim and listens to it. */
  async #attach(adopt: boolean): Promise<ShimClient> {
    this.#shimPid = await this.#context.shims().serve(this.bundle, this.group, adopt);
    return await this.#connect();
  }

  /** Dials the shim and takes its events from where the journal ends. */
  async #connect(): Promise<ShimClient> {
    const client = await this.#context.shims().dial(this.bundle, {
      event: (event) => this.#onEvent(event),
      runtimeCall: (call) => this.#context.onRuntimeCall(this.id, call),
    });
    try {
      const [hello] = await Promise.all([
        client.call("shim.connect", {}),
        client.call("shim.events", { after: this.#shimSeq }),
      ]);
      this.#context.shims().checkProtocol(this.id, hello);
      this.#shimPid = hello.pid;
    } catch (error) {
      client.close();
      throw error;
    }
    this.#link = { status: "connected", client };
    client.closed.then(() => this.#onDisconnect(client));
    return client;
  }

  async #rollBack(cause: unknown): Promise<void> {
    this.#leaving = true;
    const client = this.client;
    // An answered failure means that the shim is well and has undone what it did. Anything else
    // says nothing about what is left, so the shim is killed and all of it is cleaned up.
    const undone = client !== undefined && cause instanceof BerthError &&
      !(cause instanceof UnavailableError) && !(cause instanceof DeadlineExceededError);
    if (undone) {
      await this.#leave(client);
      await this.#removeBundle();
      return;
    }
    client?.close();
    await this.#destroy();
    if (this.mirror.pid !== 0) this.#publishExits();
    await this.#removeBundle();
    if (this.mirror.pid !== 0) this.#publishDelete();
  }

  /**
   * Finds the shim again after a daemon restart and takes over what happened meanwhile. Settles
   * when that is decided; never rejects.
   */
  async reconnect(): Promise<void> {
    using _lock = await this.#lock.acquire();
    this.#presume();
    await this.#dialAgain();
  }

  /** Until the shim has said how things are, the bundle's files tell. */
  #presume(): void {
    const exit = this.bundle.exitRecord();
    this.mirror.pid = exit?.pid ?? this.bundle.initPid() ?? 0;
    const facts = this.#context.events.journal.facts(this.instance);
    if (facts.startedAt !== undefined) {
      this.mirror.startedAt = facts.startedAt;
      this.mirror.status = "running";
    }
    if (exit !== undefined) this.mirror.ended(undefined, exit);
    this.#shimPid = this.bundle.shimRecord()?.pid ?? 0;
    this.#cgroup = recordedCgroup(this.bundle);
    // Before the shim's events come in: an OOM kill is told before the exit that it caused.
    this.#startMonitors();
  }

  /** A refused connection, or no socket, means a dead shim; anything else that it may be wedged. */
  async #dialAgain(): Promise<void> {
    this.#link = { status: "connecting" };
    try {
      const client = this.#context.noShim ? await this.#attach(true) : await this.#connect();
      await this.#takeOver(client, await client.call("shim.state", {}));
    } catch (error) {
      if (error instanceof UnavailableError && error.data["errno"] !== undefined) {
        await this.#shimDied();
        return;
      }
      this.#unavailable(error);
    }
  }

  /** Decides what the state of a found shim means for the container. */
  async #takeOver(client: ShimClient, state: ShimState): Promise<void> {
    let now = state;
    for (const delay of backoff({ first: 10, most: 200 })) {
      if (now.status !== "creating") break;
      await delay();
      now = await client.call("shim.state", {});
    }
    if (now.status === "none") {
      getLogger(["berth", "container"]).info("{id}: its create was never finished; removing it", {
        id: this.id,
      });
      this.#leaving = true;
      await this.#leave(client);
      await this.#removeBundle();
      this.#forget();
      return;
    }
    this.mirror.load(now);
    if (now.status === "deleted") {
      await this.#finishDelete(client);
      return;
    }
    this.#watchCgroup();
    this.#context.onReconnect(this);
  }

  #unavailable(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.client?.close();
    this.#link = { status: "unavailable", reason };
    getLogger(["berth", "shim"]).warn("{id}: its shim does not answer: {reason}", {
      id: this.id,
      reason,
    });
    void this.#retryUnavailable();
  }

  /** A wedged shim may come to itself again, or die. */
  async #retryUnavailable(): Promise<void> {
    for (const delay of backoff({ first: 500, most: 10_000 })) {
      if (!await delay(this.#context.stopping)) return;
      using _lock = await this.#lock.acquire();
      if (this.#link.status !== "unavailable" || this.#leaving) return;
      await this.#dialAgain();
      return;
    }
  }

  #onDisconnect(client: ShimClient): void {
    if (this.#leaving || this.#context.stopping.aborted) return;
    if (this.#link.status !== "connected" || this.#link.client !== client) return;
    this.#link = { status: "connecting" };
    void this.#lost();
  }

  async #lost(): Promise<void> {
    using _lock = await this.#lock.acquire();
    if (this.#leaving || this.#link.status !== "connecting") return;
    await this.#dialAgain();
  }

  /** What to do about a dead shim: take its container over, or remove what it left. */
  async #shimDied(): Promise<void> {
    getLogger(["berth", "shim"]).warn("{id}: its shim (pid {shim}) is gone", {
      id: this.id,
      shim: this.#shimPid,
    });
    if (this.#mayAdopt()) {
      try {
        const client = await this.#attach(true);
        await this.#takeOver(client, await client.call("shim.state", {}));
        return;
      } catch (error) {
        getLogger(["berth", "shim"]).error("{id}: cannot adopt it: {reason}", {
          id: this.id,
          reason: error instanceof Error ? error.message : String(error),
        });
      }
    }
    this.#link = { status: "gone" };
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
            reason: error instanceof Error ? error.message : String(error),
          });
        }
      }
      if (!await delay(this.#context.stopping)) return;
    }
  }

  /** The whole cleanup after a dead or killed shim; each step may be repeated. */
  async #removeAll(): Promise<DeleteResult> {
    await this.#destroy();
    this.#publishExits();
    await this.#removeBundle();
    this.#context.onCleanup();
    this.#publishDelete();
    this.#forget();
    return this.#result();
  }

  async #destroy(): Promise<void> {
    await this.#context.shims().kill(this.bundle);
    this.#context.stopMonitors(this.#monitored());
    await destroyContainer(this.bundle, this.#cgroup, this.#context.runtimeOf(this.bundle));
  }

  // -- delete -----------------------------------------------------------------------------------

  /**
   * Removes the container: monitors, runtime state and mounts, shim, bundle, in that order. After a
   * failure it can be called again and goes on where it stopped, with the same answer.
   *
   * @throws {FailedPreconditionError} if it runs and `force` is not given.
   */
  async delete(force: boolean): Promise<DeleteResult> {
    using _lock = await this.#lock.acquire();
    if (this.#forgotten) throw this.#notFound();
    try {
      return await this.#delete(force);
    } catch (error) {
      throw this.#named(error);
    }
  }

  async #delete(force: boolean): Promise<DeleteResult> {
    if (this.#deleted !== undefined) {
      return await this.#finishDelete(this.client);
    }
    const { status } = this.mirror;
    if (!force && (status === "running" || status === "paused")) {
      throw new FailedPreconditionError(
        `container ${this.id} is ${status}: stop it first, or delete it with force`,
        { data: { id: this.id } },
      );
    }
    const client = this.client;
    if (client === undefined) {
      if (!force) throw this.#noShim();
      this.#leaving = true;
      return await this.#removeAll();
    }
    try {
      if (status === "running" || status === "paused") await this.#killAll(client);
      this.#context.stopMonitors(this.#monitored());
      this.#deleted = await client.call("shim.delete", {});
    } catch (error) {
      if (force && (error instanceof DeadlineExceededError || error instanceof UnavailableError)) {
        this.#leaving = true;
        client.close();
        return await this.#removeAll();
      }
      if (this.mirror.exit === undefined) this.#startMonitors();
      throw error;
    }
    return await this.#finishDelete(client);
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
  async #finishDelete(client: ShimClient | undefined): Promise<DeleteResult> {
    this.#leaving = true;
    if (client !== undefined) await this.#leave(client);
    await this.#removeBundle();
    this.#publishDelete();
    this.#forget();
    return this.#result();
  }

  /** Lets the shim go; one that stays is killed, since the bundle is about to be removed. */
  async #leave(client: ShimClient): Promise<void> {
    try {
      await this.#context.shims().leave(client, this.#shimPid);
    } catch (error) {
      if (!(error instanceof BerthError)) throw error;
      await this.#context.shims().kill(this.bundle);
    }
    client.close();
    this.#link = { status: "gone" };
  }

  async #removeBundle(): Promise<void> {
    let last: unknown;
    for (const delay of backoff({ first: 20, most: 400, attempts: 6 })) {
      try {
        this.bundle.remove();
        return;
      } catch (error) {
        last = error;
      }
      await delay();
    }
    throw new FailedPreconditionError(
      `container ${this.id}: its bundle cannot be removed yet: ${
        last instanceof Error ? last.message : last
      }; delete it again once that is no longer so`,
      { cause: last, data: { id: this.id } },
    );
  }

  #forget(): void {
    this.#forgotten = true;
    this.#context.onForgotten(this);
  }

  #result(): DeleteResult {
    if (this.#deleted !== undefined) return this.#deleted;
    const exit = this.mirror.exit;
    return {
      pid: this.mirror.pid,
      exitStatus: exit?.exitStatus ?? 128 + SIGKILL,
      exitedAt: exit?.exitedAt ?? new Date().toISOString(),
    };
  }

  // -- events -----------------------------------------------------------------------------------

  #onEvent(event: ShimEvent): void {
    if (event.seq <= this.#shimSeq) return;
    this.#shimSeq = event.seq;
    if (event.type === "exit") this.#context.beforeExit(this.#monitored());
    const { seq, exitStatusUnknown: _, ...rest } = event;
    this.#publish({ ...rest, id: this.id, instance: this.instance }, seq);
    // After the event is in the journal: who is woken by this finds it there.
    this.mirror.apply(event);
  }

  /** Says the exits that a dead shim cannot say any more, init's last. */
  #publishExits(): void {
    const recorded = this.bundle.exitRecord();
    const exitedAt = new Date().toISOString();
    const facts = this.#context.events.journal.facts(this.instance);
    const killed = { exitStatus: 128 + SIGKILL, exitedAt };
    if (recorded === undefined || this.mirror.exit === undefined) {
      this.#context.beforeExit(this.#monitored());
    }
    // The journal also knows those that ran when the daemon, and so the mirror, began anew.
    for (const [execId, pid] of [...facts.running]) {
      if (execId !== "") this.#publishExit(pid, killed, execId);
    }
    if (!facts.exited.has("") && this.mirror.pid !== 0) {
      this.#publishExit(this.mirror.pid, recorded ?? killed, undefined);
    }
  }

  #publishExit(pid: number, exit: ExitResult, execId: string | undefined): void {
    const { exitStatus, exitedAt } = exit;
    this.#publish({
      timestamp: new Date().toISOString(),
      type: "exit",
      id: this.id,
      instance: this.instance,
      pid,
      ...(execId === undefined ? {} : { execId }),
      exitStatus,
      exitedAt,
      synthetic: true,
    });
    this.mirror.ended(execId, { exitStatus, exitedAt }, pid);
  }

  #publishDelete(): void {
    const { pid, exitStatus, exitedAt } = this.#result();
    this.#publish({
      timestamp: new Date().toISOString(),
      type: "delete",
      id: this.id,
      instance: this.instance,
      pid,
      exitStatus,
      exitedAt,
    });
  }

  #publish(draft: EventDraft, shimSeq?: number): void {
    if (draft.oom !== undefined) this.#oomKills = draft.oom.kills;
    this.#context.events.publish(draft, shimSeq, () => {
      if (shimSeq !== undefined) this.client?.ack(shimSeq);
    });
  }

  // -- monitors ---------------------------------------------------------------------------------

  #watchCgroup(): void {
    this.#cgroup ??= cgroupOf(this.mirror.pid);
    if (this.#cgroup !== undefined) recordCgroup(this.bundle, this.#cgroup);
    this.#startMonitors();
  }

  #startMonitors(): void {
    this.#context.startMonitors(this.#monitored());
  }

  #monitored(): Monitored {
    return {
      id: this.id,
      instance: this.instance,
      cgroup: this.#cgroup,
      pid: this.mirror.pid,
      oomKills: this.#oomKills,
      publish: (draft) => this.#publish(draft),
    };
  }

  // -- what goes to the shim --------------------------------------------------------------------

  /** Calls the shim; errors name the container. */
  async call<N extends ShimMethod>(
    name: N,
    params: ParamsOf<ShimContract, N>,
    options?: ShimCallOptions,
  ): Promise<ResultOf<ShimContract, N>> {
    try {
      const client = this.client;
      if (client === undefined) throw this.#noShim();
      const result = await client.call(name, params, options);
      // A restore makes init only at start, so that its cgroup is not known before.
      if (name === "shim.start" && this.#cgroup === undefined) this.#watchCgroup();
      return result;
    } catch (error) {
      throw this.#named(error);
    }
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
    if (this.#cgroup === undefined || this.mirror.status === "stopped") {
      throw new FailedPreconditionError(
        `container ${this.id} is ${this.mirror.status}: it has no figures to read`,
        { data: { id: this.id } },
      );
    }
    return readStats(this.#cgroup);
  }

  /** Every process in the cgroup, with the exec that it is where that is known. */
  pids(): { pid: number; execId?: string }[] {
    if (this.#cgroup === undefined) return [];
    const execs = new Map(this.mirror.execs().map(({ pid, execId }) => [pid, execId]));
    return pids(this.#cgroup).map((pid) => {
      const execId = execs.get(pid);
      return execId === undefined ? { pid } : { pid, execId };
    });
  }

  /** Everything about the container, from what the daemon knows. */
  state(): ContainerState {
    const { record, paths } = this.bundle;
    const { mirror } = this;
    const { exit } = mirror;
    return {
      id: this.id,
      instance: this.instance,
      status: this.#statusNow(),
      pid: mirror.pid,
      bundle: paths.dir,
      runtime: record.runtime,
      ...record.stdio,
      labels: { ...record.labels },
      createdAt: record.createdAt,
      ...(mirror.startedAt === undefined ? {} : { startedAt: mirror.startedAt }),
      ...(exit ? { exitStatus: exit.exitStatus, exitedAt: exit.exitedAt } : {}),
      ...(exit?.exitStatusUnknown ? { exitStatusUnknown: true } : {}),
      ...(this.#oomKills > 0 ? { oomKilled: true } : {}),
      ...(record.group === undefined ? {} : { group: record.group }),
      shimPid: this.#shimPid,
      shim: this.shimStatus,
      processes: mirror.execs(),
    };
  }

  /** The status, with a pause or resume made behind berth's back. */
  #statusNow(): ContainerState["status"] {
    const { status } = this.mirror;
    if (this.#cgroup === undefined || (status !== "running" && status !== "paused")) return status;
    return freezerState(this.#cgroup) === "frozen" ? "paused" : "running";
  }

  /** Lets go of the shim, which goes on. */
  [Symbol.dispose](): void {
    this.#leaving = true;
    this.client?.close();
  }

  // -- errors -----------------------------------------------------------------------------------

  #noShim(): UnavailableError {
    const why = this.#link.status === "unavailable"
      ? `its shim does not answer (${this.#link.reason}); delete it with force to remove it`
      : this.#link.status === "gone"
      ? "its shim is gone and it is being cleaned up"
      : "its shim is not connected yet; try again in a moment";
    return new UnavailableError(`container ${this.id}: ${why}`, {
      data: { id: this.id, shim: this.#link.status },
    });
  }

  #notFound(): NotFoundError {
    return new NotFoundError(`no container ${this.id}`, { data: { id: this.id } });
  }

  #named(error: unknown): unknown {
    if (error instanceof BerthError) error.data.id ??= this.id;
    return error;
  }
}
