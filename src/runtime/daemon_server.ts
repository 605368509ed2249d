// SPDX-License-Identifier: MIT
import { getLogger } from "@logtape/logtape";
import { cgroupHierarchies } from "../linux/cgroup/cgroup.ts";
import { absolutePathEntries } from "../linux/process/environment.ts";
import { FILE_LIMIT_VARIABLE, raiseFileLimit } from "../linux/process/file_limit.ts";
import { Reaper } from "../linux/process/reaper.ts";
import { loadDefaultProfile } from "../oci/apparmor/load_profile.ts";
import { defaultOpenFiles } from "../oci/spec/default_spec.ts";
import type { DaemonContract } from "../rpc/contract/daemon.ts";
import { UnavailableError } from "../rpc/errors.ts";
import { bindContract } from "../rpc/contract/bind.ts";
import type { Handlers } from "../rpc/peer/handler.ts";
import { Server } from "../rpc/transport/server.ts";
import { PROTOCOL, VERSION } from "../version.ts";
import type { Config } from "./config/config.ts";
import { loadOnce } from "./util/load_once.ts";
import { logRpcError } from "./util/log_failure.ts";
import { DAEMON_PARAMS } from "./daemon_params.ts";
import { FdBudget } from "./fd_budget.ts";
import { daemonMethods } from "./methods.ts";
import { combineMonitors, type Monitor } from "./monitors/monitor.ts";
import { OomMonitor } from "./monitors/oom_monitor.ts";
import { combineHooks, type DaemonHooks } from "./observability/hooks.ts";
import { LOG_HOOKS } from "./observability/log_hooks.ts";
import { type ContainerManager, openContainerManager } from "./container_manager.ts";
import { withTimeout } from "../linux/event_loop/with_timeout.ts";
import { StatsSubscribers } from "./stats/stats_subscribers.ts";
import { EventSubscribers } from "./events/event_subscribers.ts";

/** How long a stopping daemon waits for calls that are under way, in milliseconds. */
const STOP_GRACE = 10_000;

/** How long it waits for clients to read the last answers, in milliseconds. */
const SEND_GRACE = 1_000;

/** How long a shim has to read the exit status of a process that it took over, in milliseconds. */
const ADOPTED_ZOMBIE_MS = 1_000;

/** The config, the command that runs berth, and the watchers of the daemon. */
export interface DaemonServerOptions {
  readonly config: Config;
  /** Command that runs this berth. */
  readonly self: () => readonly string[];
  /** Are called beside those of the daemon's own log. */
  readonly hooks: readonly Partial<DaemonHooks>[];
  /** Watch every container, beside the daemon's own monitor of OOM kills. */
  readonly monitors: readonly Monitor[];
  /** Done once the state directory is this daemon's, and before a client can connect. */
  readonly beforeListen?: (daemon: DaemonServer) => Promise<void>;
}

/** The daemon: the container manager behind its socket. */
export class DaemonServer implements AsyncDisposable {
  readonly manager: ContainerManager;
  readonly subscribers: EventSubscribers;
  readonly #statsSubscribers: StatsSubscribers;
  readonly #reaper: Reaper;
  readonly #oom: OomMonitor;
  readonly #hooks: DaemonHooks;
  readonly #fds: FdBudget;
  #server: Server | undefined;
  #stopping = false;
  #underWay = 0;
  #idle: (() => void) | undefined;

  private constructor(
    parts: {
      manager: ContainerManager;
      subscribers: EventSubscribers;
      reaper: Reaper;
      oom: OomMonitor;
      hooks: DaemonHooks;
      fds: FdBudget;
    },
  ) {
    this.manager = parts.manager;
    this.#statsSubscribers = new StatsSubscribers(this.manager.containers);
    this.subscribers = parts.subscribers;
    this.#reaper = parts.reaper;
    this.#oom = parts.oom;
    this.#hooks = parts.hooks;
    this.#fds = parts.fds;
  }

  /** Returns whether another connection may be accepted, on whichever endpoint. */
  hasRoom(): boolean {
    return this.#fds.hasRoom();
  }

  /**
   * Opens the state directory and listens on the socket; returns once it answers.
   *
   * @throws {FailedPreconditionError} if another daemon has the state directory.
   */
  static async start(options: DaemonServerOptions): Promise<DaemonServer> {
    const { config, self, monitors } = options;
    const hooks = combineHooks([LOG_HOOKS, ...options.hooks]);
    const startedAt = new Date().toISOString();
    const instance = crypto.randomUUID();
    const apparmor = await loadDefaultProfile({
      warn: (reason) =>
        getLogger(["berth"]).warn("cannot load the AppArmor profile: {reason}", { reason }),
    });
    // Containers of dead shims become children of the nearest sub-reaper: prctl(2).
    await using opened = new AsyncDisposableStack();
    Deno.env.set("PATH", absolutePathEntries(Deno.env.get("PATH")));
    const childFileLimit = raiseFileLimit(Deno.env.get(FILE_LIMIT_VARIABLE));
    const reaper = opened.use(Reaper.start({
      subreaper: true,
      childFileLimit,
      // Before Linux 6.15 that is the only way in which a shim that took one over learns its status.
      ...(config.shim.on_death === "adopt" && { orphanGraceMs: ADOPTED_ZOMBIE_MS }),
    }));
    const hierarchies = cgroupHierarchies();
    const oom = opened.use(new OomMonitor(hierarchies));
    const fds = new FdBudget();
    const manager = opened.use(
      await openContainerManager({
        config,
        reaper,
        self,
        fds,
        hierarchies,
        hooks,
        monitor: combineMonitors([oom, ...monitors]),
      }),
    );
    const subscribers = new EventSubscribers(manager.events.journal);
    manager.events.addListener(() => subscribers.wake());
    const daemon = new DaemonServer({ manager, subscribers, reaper, oom, hooks, fds });
    await options.beforeListen?.(daemon);
    const defaults = {
      seccomp: config.runtime.seccomp,
      apparmor,
      usernsRemap: config.runtime.userns_remap,
      openFiles: defaultOpenFiles(),
    };
    const methods = daemonMethods({
      manager,
      subscribers,
      statsSubscribers: daemon.#statsSubscribers,
      info: () => ({
        name: "berth",
        version: VERSION,
        protocol: PROTOCOL,
        pid: Deno.pid,
        instance,
        state: config.state,
        root: config.root,
        runtime: { path: config.runtime.runtime, version: manager.runtimeVersion() },
        defaults,
        startedAt,
        containers: manager.containers.size,
      }),
    });
    // Made for the first client that asks: that takes some milliseconds, and all schemas.
    const discover = loadOnce(async () => (await import("./discover.ts")).discover());
    daemon.#server = await Server.listen(config.socket.path, {
      mode: Number.parseInt(config.socket.mode, 8),
      ...(config.socket.gid === undefined ? {} : { gid: config.socket.gid }),
      onError: logRpcError,
      hasRoom: () => fds.hasRoom(),
      handlers: daemon.#guard({
        ...bindContract<DaemonContract>(DAEMON_PARAMS, methods),
        "rpc.discover": discover,
      }),
    });
    // From here on it is the daemon's to dispose of.
    opened.move();
    return daemon;
  }

  /** Refuses calls while stopping, and counts and times the others. */
  #guard(handlers: Handlers): Handlers {
    const guarded: Record<string, Handlers[string]> = {};
    for (const [method, handle] of Object.entries(handlers)) {
      guarded[method] = (params, context) => {
        if (this.#stopping) throw new UnavailableError("the daemon is stopping");
        const begun = performance.now();
        const ended = (failed: boolean) =>
          this.#hooks.rpc(method, performance.now() - begun, failed);
        let result: unknown;
        try {
          result = handle(params, context);
        } catch (error) {
          ended(true);
          throw error;
        }
        if (!(result instanceof Promise)) {
          ended(false);
          return result;
        }
        const counts = method !== "container.wait";
        if (counts) this.#underWay++;
        return result.then((value) => {
          ended(false);
          return value;
        }, (error) => {
          ended(true);
          throw error;
        }).finally(() => {
          if (counts && --this.#underWay === 0) this.#idle?.();
        });
      };
    }
    return guarded;
  }

  /** Flushes pending responses before the daemon stops, to every client that reads. */
  async #sendAnswers(): Promise<void> {
    // An answer is queued in the turn in which its call ends.
    await new Promise((resolve) => setTimeout(resolve));
    const drained = Array.from(this.#server?.peers ?? [], (peer) => peer.drain());
    await withTimeout(Promise.all(drained), SEND_GRACE);
  }

  /**
   * Stops: new calls are refused, those under way may finish within a bound, subscribers are closed,
   * containers go on.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true;
    if (this.#underWay > 0) {
      await withTimeout(new Promise<void>((resolve) => this.#idle = resolve), STOP_GRACE);
    }
    this.subscribers[Symbol.dispose]();
    this.#statsSubscribers[Symbol.dispose]();
    await this.#sendAnswers();
    await this.#server?.[Symbol.asyncDispose]();
    await this.manager[Symbol.asyncDispose]();
    this.#oom[Symbol.dispose]();
    this.#reaper[Symbol.dispose]();
  }
}
