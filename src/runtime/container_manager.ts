// SPDX-License-Identifier: MIT
import { getLogger } from "@logtape/logtape";
import { FileLock } from "../linux/fd/file_lock.ts";
import type { Reaper } from "../linux/process/reaper.ts";
import { BUNDLE_FORMAT } from "../oci/bundle_layout.ts";
import type { BundleRecord } from "../oci/bundle_layout.ts";
import { OciRuntime } from "../oci/driver/oci_runtime.ts";
import {
  AlreadyExistsError,
  FailedPreconditionError,
  NotFoundError,
  UnavailableError,
} from "../rpc/errors.ts";
import type { ParsedParamsOf } from "../rpc/contract/method.ts";
import type { DaemonContract } from "../rpc/contract/daemon.ts";
import type { Event } from "../rpc/contract/schemas.ts";
import { BIND_PREFIX } from "../rpc/transport/socket_file.ts";
import { backoff } from "./util/backoff.ts";
import { Bundle, removeBundleDir } from "./bundle/bundle.ts";
import type { Config } from "./config/config.ts";
import { Container } from "./container/container.ts";
import type { ContainerContext } from "./container/context.ts";
import { checkCreate, hasHooks, hasOwnPidNamespace } from "./container/create_params.ts";
import type { CheckedSpec } from "./container/create_params.ts";
import { EventPublisher } from "./events/publisher.ts";
import { Journal } from "./events/journal.ts";
import { RuntimeProbe } from "./runtime_probe.ts";
import type { Monitor, Monitored } from "./monitors/monitor.ts";
import type { DaemonHooks } from "./observability/hooks.ts";
import { createShimManager } from "./shims/create_shim_manager.ts";
import type { RuntimeCallReport, ShimTimeouts } from "./shims/shim_client.ts";
import type { ShimManager } from "./shims/shim_manager.ts";

/** What {@linkcode ContainerManager.open} needs. */
export interface ContainerManagerOptions {
  readonly config: Config;
  readonly reaper: Reaper;
  /** Command that runs this berth. */
  readonly self: () => readonly string[];
  /** Told of every event once it is in the journal. */
  readonly onEvent: (event: Event) => void;
  /** Makes the monitors that watch every container. */
  readonly monitors: readonly Monitor[];
  /** Counts what happens, for the metrics. */
  readonly observer: DaemonHooks;
}

/** How long the first answer of a restarted daemon waits for shims that are slow, in milliseconds. */
const RECONNECT_GRACE = 1_000;

/** Every container of one state directory. */
export class ContainerManager implements AsyncDisposable {
  readonly #options: ContainerManagerOptions;
  readonly #containers = new Map<string, Container>();
  /** Ids whose create is under way: taken, but not there yet. */
  readonly #creating = new Map<string, Container | undefined>();
  readonly #dir: string;
  #locks: Disposable | undefined;
  readonly #stop = new AbortController();
  readonly #context: ContainerContext;
  readonly #timeouts: ShimTimeouts;
  readonly #runtimes: RuntimeProbe;
  #shims: ShimManager | undefined;
  /** The journal and what is on its way into it. */
  readonly events: EventPublisher;

  /**
   * Opens the state directory: takes its lock, opens the journal and dials the shim of every
   * bundle, all at once. Waits a moment for the answers, but never for a shim that gives none.
   *
   * @throws {FailedPreconditionError} if another daemon has the state or the root directory.
   */
  static async open(options: ContainerManagerOptions): Promise<ContainerManager> {
    const { state, root } = options.config;
    const dir = `${state}/linux`;
    for (const path of [state, root, dir, `${state}/oci`]) {
      Deno.mkdirSync(path, { recursive: true, mode: 0o700 });
    }
    Deno.chmodSync(state, 0o700);
    const runtime = await ContainerManager.#lockAndLoad(options, dir);
    try {
      runtime.#shims = await createShimManager({
        ...options,
        timeouts: runtime.#timeouts,
        findGroup: (group) => runtime.#inGroup(group),
      });
      await runtime.#reconnect();
      return runtime;
    } catch (error) {
      await runtime[Symbol.asyncDispose]();
      throw error;
    }
  }

  static async #lockAndLoad(
    options: ContainerManagerOptions,
    dir: string,
  ): Promise<ContainerManager> {
    const { state, root } = options.config;
    using locks = new DisposableStack();
    locks.use(await takeLock(`${state}/berth.lock`, `is running on ${state}`));
    // Containers of one id would share logs and checkpoints. The name lets it be the same directory.
    locks.use(await takeLock(`${root}/root.lock`, `has ${root}, choose another --root`));
    removeHalfMadeSockets(state);
    const runtime = new ContainerManager(options, dir);
    runtime.#locks = locks.move();
    return runtime;
  }

  private constructor(options: ContainerManagerOptions, dir: string) {
    this.#options = options;
    this.#dir = dir;
    const { config, observer, monitors } = options;
    this.#runtimes = new RuntimeProbe((argv, spawnOptions) =>
      options.reaper.spawn(argv, spawnOptions)
    );
    // For who wants to know, and so that one that cannot be run is told of at once.
    this.#runtimes.probe(config.runtime.runtime);
    const journal = Journal.open(`${config.state}/events`, config.events);
    this.events = new EventPublisher(journal);
    this.events.addListener((event) => observer.event(event));
    this.events.addListener(options.onEvent);
    this.#timeouts = {
      answer: config.shim.timeout * 1000,
      runtime: config.runtime.timeout * 1000,
    };
    this.#context = {
      shims: () => this.#openedShims(),
      events: this.events,
      timeouts: this.#timeouts,
      noShim: config.runtime.no_shim,
      onShimDeath: config.shim.on_death,
      stopping: this.#stop.signal,
      runtimeOf: (bundle) => this.#runtimeOf(bundle),
      startMonitors: (container) => monitors.forEach((monitor) => monitor.start(container)),
      pollMonitors: (container) => monitors.forEach((monitor) => monitor.poll?.(container)),
      stopMonitors: (container: Monitored) =>
        monitors.forEach((monitor) => monitor.stop(container)),
      onReconnect: () => observer.reconnect(),
      onCleanup: () => observer.cleanup(),
      onRuntimeCall: (id, call) => this.#runtimeCalled(id, call),
      onCleanupPending: ({ id }) => {
        const container = this.#creating.get(id);
        if (container !== undefined) this.#containers.set(id, container);
      },
      onReleased: (bundle) => {
        if (this.#containers.get(bundle.id)?.bundle === bundle) this.#containers.delete(bundle.id);
      },
    };
  }

  /** The name or path of the OCI runtime that containers get unless they ask for another. */
  get defaultRuntime(): string {
    return this.#options.config.runtime.runtime;
  }

  /** Its version; empty until it has told it, and if it cannot be run. */
  get defaultRuntimeVersion(): string {
    return this.#runtimes.version(this.defaultRuntime) ?? "";
  }

  /** Every container there is, in the order of their creation. */
  containers(): Container[] {
    return [...this.#containers.values()];
  }

  /** How many containers there are. */
  get size(): number {
    return this.#containers.size;
  }

  /** How many shims wait for a container. */
  get idleShims(): number {
    return this.#openedShims().idle;
  }

  #openedShims(): ShimManager {
    if (this.#shims === undefined) throw new UnavailableError("the daemon is still starting");
    return this.#shims;
  }

  /**
   * Finds a container.
   *
   * @throws {NotFoundError} if there is none of this id, or another one than that of `instance`.
   */
  get(id: string, instance?: string): Container {
    const container = this.#containers.get(id);
    if (container === undefined) {
      throw new NotFoundError(`no container ${id}`, { data: { id } });
    }
    if (instance !== undefined && instance !== container.bundle.record.instance) {
      throw new NotFoundError(`the container ${id} that there is now is another one`, {
        data: { id },
      });
    }
    return container;
  }

  /**
   * Creates a container; see `container.create`.
   *
   * @throws {AlreadyExistsError} if the id is taken; nothing was touched.
   */
  async create(params: ParsedParamsOf<DaemonContract, "container.create">): Promise<Container> {
    const { id } = params;
    if (this.#containers.has(id) || this.#creating.has(id)) {
      throw new AlreadyExistsError(`container ${id} exists already`, { data: { id } });
    }
    const { spec, record } = checkCreate(params, {
      format: BUNDLE_FORMAT,
      instance: crypto.randomUUID(),
      runtime: this.defaultRuntime,
      runtimeRoot: `${this.#options.config.state}/oci`,
      createdAt: new Date().toISOString(),
    }, `${this.#dir}/${id}`);
    this.#creating.set(id, undefined);
    try {
      const bundle = this.#newBundle(
        {
          ...record,
          directStart: this.#startsDirectly(record, spec),
          sharedPidNamespace: !hasOwnPidNamespace(spec),
        },
        spec,
      );
      const container = new Container(bundle, this.#context);
      this.#creating.set(id, container);
      await container.create();
      this.#containers.set(id, container);
      return container;
    } finally {
      this.#creating.delete(id);
    }
  }

  /** runc runs hooks of `poststart` in create; another version might not (OCI spec: after start). */
  #startsDirectly({ runtime }: BundleRecord, spec: CheckedSpec): boolean {
    const { direct_start } = this.#options.config.runtime;
    return direct_start && !hasHooks(spec, "poststart") && this.#runtimes.isRunc(runtime);
  }

  #newBundle(record: BundleRecord, spec: unknown): Bundle {
    return Bundle.create(`${this.#dir}/${record.id}`, record, spec);
  }

  #inGroup(group: string) {
    for (const containers of [this.#containers, this.#creating]) {
      for (const container of containers.values()) {
        if (container?.bundle.record.group !== group) continue;
        const { client, pid, isDetaching: leaving } = container.connection;
        if (client !== undefined && !leaving) return { client, pid };
      }
    }
    return undefined;
  }

  #runtimeOf(bundle: Bundle): OciRuntime {
    const { runtime, runtimeRoot } = bundle.record;
    return new OciRuntime({
      command: runtime,
      root: runtimeRoot,
      spawn: (argv, options) => this.#options.reaper.spawn(argv, options),
      debug: (call) => this.#runtimeCalled(call.id, call),
    });
  }

  #runtimeCalled(id: string, call: RuntimeCallReport): void {
    this.#options.observer.runtimeCall(id, call);
    getLogger(["berth", "runtime"]).debug(
      "{subcommand} {id}: status {exitCode} after {durationMs} ms",
      () => ({ ...call, id, durationMs: Math.round(call.durationMs * 10) / 10 }),
    );
  }

  // -- restart ----------------------------------------------------------------------------------

  async #reconnect(): Promise<void> {
    const found: Promise<void>[] = [];
    for (const entry of Deno.readDirSync(this.#dir)) {
      if (!entry.isDirectory) continue;
      const container = this.#load(entry.name);
      if (container === undefined) continue;
      this.#containers.set(container.id, container);
      found.push(container.reconnect());
    }
    if (found.length === 0) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const grace = new Promise<void>((resolve) => timer = setTimeout(resolve, RECONNECT_GRACE));
    await Promise.race([Promise.all(found), grace]);
    clearTimeout(timer);
  }

  #load(name: string): Container | undefined {
    const dir = `${this.#dir}/${name}`;
    try {
      const bundle = Bundle.read(dir);
      if (bundle === undefined) {
        removeBundleDir(dir);
        return undefined;
      }
      return new Container(bundle, this.#context);
    } catch (error) {
      getLogger(["berth", "container"]).error(
        "cannot read the bundle {dir}, left alone: {reason}",
        {
          dir,
          reason: error instanceof Error ? error.message : String(error),
        },
      );
      return undefined;
    }
  }

  /** Lets go of every container, which go on, and closes the journal. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new UnavailableError("the daemon is stopping"));
    for (const container of this.#containers.values()) container[Symbol.dispose]();
    await this.#shims?.[Symbol.asyncDispose]();
    this.events[Symbol.dispose]();
    this.events.journal[Symbol.dispose]();
    this.#locks?.[Symbol.dispose]();
  }
}

/** What a daemon has left that was killed while it bound a socket. */
function removeHalfMadeSockets(state: string): void {
  for (const { name } of Deno.readDirSync(state)) {
    if (name.startsWith(BIND_PREFIX)) Deno.removeSync(`${state}/${name}`, { recursive: true });
  }
}

/**
 * A process that a killed daemon was just starting has its locks until it runs its program, so this
 * is tried for a moment.
 *
 * @throws {FailedPreconditionError} if another daemon has it, which `what` says of that daemon.
 */
async function takeLock(path: string, what: string): Promise<FileLock> {
  for (const delay of backoff({ first: 5, most: 80, attempts: 7 })) {
    const lock = FileLock.tryLock(path);
    if (lock !== undefined) return lock;
    await delay();
  }
  throw new FailedPreconditionError(`another berth daemon ${what} (it holds ${path})`);
}
