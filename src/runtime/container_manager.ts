// SPDX-License-Identifier: MIT
import type { Reaper } from "../linux/process/reaper.ts";
import { OciRuntime } from "../oci/driver/oci_runtime.ts";
import { UnavailableError } from "../rpc/errors.ts";
import { ContainerNetworks } from "./network/networks.ts";
import type { Config } from "./config/config.ts";
import type { Container } from "./container/container.ts";
import type { ContainerContext } from "./container/context.ts";
import { ContainerRegistry } from "./container_registry.ts";
import { EventPublisher } from "./events/publisher.ts";
import type { FdBudget } from "./fd_budget.ts";
import { Journal } from "./events/journal.ts";
import { Definitions } from "./definitions/definitions.ts";
import { Services } from "./service/services.ts";
import { RuntimeProbe } from "./runtime_probe.ts";
import type { Monitor } from "./monitors/monitor.ts";
import type { DaemonHooks } from "./observability/hooks.ts";
import { createShimManager } from "./shims/create_shim_manager.ts";
import type { ShimTimeouts } from "./shims/shim_client.ts";
import type { ShimManager } from "./shims/shim_manager.ts";
import { ContainerMaker } from "./container_maker.ts";
import { reconnectContainers } from "./reconnect.ts";
import { bundlesDir, runtimeStateDir, takeStateDir } from "./state_dir.ts";
import { RestingContainers } from "./definitions/resting.ts";
import type { RenamePlan } from "./rename/plan.ts";
import { RenameRecords } from "./rename/records.ts";
import { Renamer } from "./rename/renamer.ts";

/** The config, the parts of the daemon's process, and what watches its containers. */
export interface ContainerManagerOptions {
  readonly config: Config;
  readonly reaper: Reaper;
  /** Command that runs this berth. */
  readonly self: () => readonly string[];
  /** Keeps creates from taking the last fds. */
  readonly fds: FdBudget;
  /** Watches every container. */
  readonly monitor: Monitor;
  /** Listeners for what happens, for the log and the metrics. */
  readonly hooks: DaemonHooks;
}

/** Every container of one state directory. */
export class ContainerManager implements AsyncDisposable {
  readonly #options: ContainerManagerOptions;
  readonly #containers: ContainerRegistry;
  readonly #context: ContainerContext;
  readonly #runtimes: RuntimeProbe;
  /** Closes what was opened. */
  readonly #opened: AsyncDisposableStack;
  /** The journal and what is on its way into it. */
  readonly events: EventPublisher;
  /** Makes containers. */
  readonly maker: ContainerMaker;
  /** Stops containers, starts them again and keeps them running. */
  readonly services: Services;
  readonly #definitions: Definitions;
  readonly #resting: RestingContainers;
  /** Gives containers other ids. */
  readonly renamer: Renamer;

  private constructor(
    parts: {
      options: ContainerManagerOptions;
      containers: ContainerRegistry;
      stop: AbortController;
      shims: ShimManager;
      networks: ContainerNetworks;
      timeouts: ShimTimeouts;
      events: EventPublisher;
      definitions: Definitions;
      renames: RenameRecords;
      opened: AsyncDisposableStack;
    },
  ) {
    const { containers, definitions, options, shims, networks, timeouts, stop } = parts;
    const { config, hooks, monitor, reaper } = options;
    this.#options = options;
    this.#containers = parts.containers;
    this.#opened = parts.opened;
    this.events = parts.events;
    this.#runtimes = new RuntimeProbe((argv, spawnOptions) => reaper.spawn(argv, spawnOptions));
    // So that clients see its version, and a runtime that cannot be run is logged at once.
    this.#runtimes.probe(config.runtime.runtime);
    this.#context = {
      config,
      owner: {
        keeps: (id) => definitions.keeps(id),
        service: (id) => this.services.describe(id),
        cleanupPending: (bundle) => containers.cleanupPending(bundle),
        released: (bundle) =>
          containers.released(bundle, (container) => this.#resting.replace(container)),
      },
      shims,
      networks,
      events: this.events,
      monitor,
      hooks,
      timeouts,
      stopping: stop.signal,
      runtimeOf: ({ record: { runtime, runtimeRoot } }) =>
        new OciRuntime({
          command: runtime,
          root: runtimeRoot,
          spawn: (argv, spawnOptions) => reaper.spawn(argv, spawnOptions),
          debug: (call) => hooks.runtimeCall(call),
        }),
    };
    this.#definitions = definitions;
    this.#resting = new RestingContainers(definitions, this.#context);
    const checkUsable = (id: string) => parts.renames.checkUsable(id);
    this.maker = new ContainerMaker({
      containers,
      definitions,
      context: this.#context,
      fds: options.fds,
      runtimes: this.#runtimes,
      checkUsable,
    });
    this.services = new Services({
      containers,
      definitions,
      root: config.root,
      events: this.events,
      stopping: stop.signal,
      checkUsable,
      remake: (record, spec) => this.maker.remake(record, spec),
    });
    this.renamer = new Renamer({
      root: config.root,
      bundles: bundlesDir(config.state),
      records: parts.renames,
      containers,
      definitions,
      resting: this.#resting,
      services: this.services,
      networks,
      events: this.events,
    });
  }

  /**
   * Opens the state directory: takes its lock, opens the journal and dials the shim of every
   * bundle, all at once. Waits a moment for the answers, but never for a shim that gives none.
   *
   * @throws {FailedPreconditionError} if another daemon has the state or the root directory.
   */
  static async open(options: ContainerManagerOptions): Promise<ContainerManager> {
    const { config, hooks, reaper, self } = options;
    const { state, root } = config;
    await using opened = new AsyncDisposableStack();
    opened.use(await takeStateDir(config));
    const journal = opened.use(Journal.open(`${state}/events`, config.events));
    const events = opened.use(new EventPublisher(journal));
    events.addListener((event) => hooks.event(event));
    const containers = new ContainerRegistry();
    const timeouts = {
      answer: config.shim.timeout * 1000,
      runtime: config.runtime.timeout * 1000,
    };
    const shims = opened.use(
      await createShimManager({
        config,
        reaper,
        self,
        timeouts,
        findGroup: (group) => containers.shimOfGroup(group),
      }),
    );
    const stop = new AbortController();
    opened.defer(() => {
      stop.abort(new UnavailableError("the daemon is stopping"));
      for (const container of containers) container[Symbol.dispose]();
    });
    const networks = opened.use(
      new ContainerNetworks({
        config,
        spawn: (argv, spawnOptions) => reaper.spawn(argv, spawnOptions),
        stopping: stop.signal,
      }),
    );
    const renames = new RenameRecords(root);
    // Before definitions are read: each is under one id then.
    const finished: RenamePlan[] = renames.finishAll();
    const manager = new ContainerManager({
      options,
      containers,
      stop,
      shims,
      networks,
      timeouts,
      events,
      definitions: Definitions.open(root, (id) => renames.isPartial(id)),
      renames,
      opened: opened.move(),
    });
    try {
      for (const plan of finished) manager.renamer.finish(plan);
      await reconnectContainers({
        dir: bundlesDir(state),
        containers,
        context: manager.#context,
        definitions: manager.#definitions,
        fds: options.fds,
        resting: manager.#resting,
        runtime: { runtime: config.runtime.runtime, runtimeRoot: runtimeStateDir(state) },
        services: manager.services,
      });
      return manager;
    } catch (error) {
      await manager[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Version of the default runtime; empty until it has answered, and if it cannot be run. */
  get defaultRuntimeVersion(): string {
    return this.#runtimes.version(this.#options.config.runtime.runtime) ?? "";
  }

  /** The networks of the containers. */
  get networks(): ContainerNetworks {
    return this.#context.networks;
  }

  /** Returns every container there is, in the order of their creation. */
  containers(): Container[] {
    return [...this.#containers];
  }

  /** How many containers there are. */
  get size(): number {
    return this.#containers.size;
  }

  /** How many containers have processes. */
  get running(): number {
    return this.containers().filter(({ processes }) => processes.isAlive).length;
  }

  /** How many shims wait for a container. */
  get idleShims(): number {
    return this.#context.shims.idle;
  }

  /**
   * Finds a container.
   *
   * @throws {NotFoundError} if there is none of this id.
   */
  get(id: string): Container {
    return this.#containers.get(id);
  }

  /** Disconnects from every container, which keeps running, and closes the journal. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.services[Symbol.dispose]();
    await this.#opened.disposeAsync();
  }
}
