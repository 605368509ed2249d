// SPDX-License-Identifier: MIT
import { getLogger } from "@logtape/logtape";
import { exists } from "../linux/fs/exists.ts";
import { CgroupClaim } from "./create/cgroup_claim.ts";
import { cgroupAt, cgroupHierarchies, pids, removeIfEmpty } from "../linux/cgroup/cgroup.ts";
import { type CgroupDriver, detectCgroupDriver } from "../linux/cgroup/driver.ts";
import { defaultCgroupsPath } from "../oci/spec/cgroups_path.ts";
import { FileLock } from "../linux/fd/file_lock.ts";
import { SIGKILL } from "../linux/process/signals.ts";
import type { Reaper } from "../linux/process/reaper.ts";
import { BUNDLE_FORMAT, bundlePaths } from "../oci/bundle_layout.ts";
import type { BundleRecord } from "../oci/bundle_layout.ts";
import { OciRuntime } from "../oci/driver/oci_runtime.ts";
import { FailedPreconditionError, UnavailableError } from "../rpc/errors.ts";
import { EINVAL, isErrno } from "../linux/libc/errno.ts";
import type { ParsedParamsOf } from "../rpc/contract/method.ts";
import type { DaemonContract } from "../rpc/contract/daemon.ts";
import { BIND_PREFIX } from "../rpc/transport/socket_file.ts";
import { setLoopbackUp } from "../linux/net/namespace.ts";
import { Networks } from "./network/networks.ts";
import { backoff } from "../linux/event_loop/backoff.ts";
import { Bundle, removeBundleDir } from "./bundle/bundle.ts";
import { removeClaimedCgroup } from "./bundle/cgroup_record.ts";
import type { Config } from "./config/config.ts";
import { Container } from "./container/container.ts";
import type { ContainerContext } from "./container/context.ts";
import type { ProcessTable } from "./container/process_table.ts";
import type { KnownExit } from "./events/instance_state.ts";
import { ContainerRegistry } from "./container_registry.ts";
import { prepareLog } from "./create/log.ts";
import { hasHooks, hasOwnPidNamespace, hostnameOf, networkNamespaceOf } from "../oci/spec/facts.ts";
import { checkCreate, withNetworkNamespace } from "./create/create_params.ts";
import type { NetworkPlan } from "./network/plan.ts";
import { networkParams } from "../rpc/contract/network/schemas.ts";
import type { CheckedSpec } from "./create/create_params.ts";
import { EventPublisher } from "./events/publisher.ts";
import type { FdBudget } from "./fd_budget.ts";
import { Journal } from "./events/journal.ts";
import { Definitions } from "./service/definitions.ts";
import { NO_PROGRESS } from "./service/restart_policy.ts";
import { Services } from "./service/services.ts";
import { resumeStop } from "./service/stop.ts";
import { stateCgroupName } from "./state_cgroup.ts";
import { RuntimeProbe } from "./runtime_probe.ts";
import type { Monitor } from "./monitors/monitor.ts";
import type { DaemonHooks } from "./observability/hooks.ts";
import { createShimManager } from "./shims/create_shim_manager.ts";
import type { ShimTimeouts } from "./shims/shim_client.ts";
import type { ShimManager } from "./shims/shim_manager.ts";
import { withTimeout } from "../linux/event_loop/with_timeout.ts";
import { messageOf } from "../rpc/error_text.ts";

/** What {@linkcode ContainerManager.open} needs. */
export interface ContainerManagerOptions {
  readonly config: Config;
  readonly reaper: Reaper;
  /** Command that runs this berth. */
  readonly self: () => readonly string[];
  /** What creates take of the fds. */
  readonly fds: FdBudget;
  /** Watches every container. */
  readonly monitor: Monitor;
  /** Is told what happens, for the log and the metrics. */
  readonly hooks: DaemonHooks;
}

/** How long the first answer of a restarted daemon waits for shims that are slow, in milliseconds. */
const RECONNECT_GRACE = 1_000;

/** Every container of one state directory. */
export class ContainerManager implements AsyncDisposable {
  readonly #options: ContainerManagerOptions;
  readonly #containers: ContainerRegistry;
  readonly #dir: string;
  readonly #context: ContainerContext;
  readonly #runtimes: RuntimeProbe;
  readonly #hierarchies = cgroupHierarchies();
  readonly #cgroupName: string;
  /** Closes what was opened. */
  readonly #opened: AsyncDisposableStack;
  /** The journal and what is on its way into it. */
  readonly events: EventPublisher;
  /** What is done with containers that are stopped and started again. */
  readonly services: Services;
  readonly #definitions: Definitions;

  readonly #cgroupDriver: CgroupDriver;

  private constructor(
    parts: {
      options: ContainerManagerOptions;
      containers: ContainerRegistry;
      dir: string;
      stop: AbortController;
      shims: ShimManager;
      networks: Networks;
      timeouts: ShimTimeouts;
      events: EventPublisher;
      definitions: Definitions;
      opened: AsyncDisposableStack;
    },
  ) {
    const { containers, definitions, options, shims, networks, timeouts, stop } = parts;
    const { config, hooks, monitor, reaper } = options;
    this.#options = options;
    this.#containers = parts.containers;
    this.#dir = parts.dir;
    this.#opened = parts.opened;
    this.events = parts.events;
    this.#cgroupName = stateCgroupName(config.state);
    this.#runtimes = new RuntimeProbe((argv, spawnOptions) => reaper.spawn(argv, spawnOptions));
    // For who wants to know, and so that one that cannot be run is told of at once.
    this.#runtimes.probe(config.runtime.runtime);
    this.#cgroupDriver = config.runtime.cgroup_driver ?? detectCgroupDriver();
    this.#context = {
      owner: {
        keeps: (id) => definitions.keeps(id),
        service: (id) => this.services.describe(id),
        cleanupPending: (bundle) => containers.cleanupPending(bundle),
        released: (bundle) => containers.released(bundle, (container) => this.#rest(container)),
      },
      shims,
      networks,
      events: this.events,
      monitor,
      hooks,
      timeouts,
      noShim: config.runtime.no_shim,
      onShimDeath: config.shim.on_death,
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
    this.services = new Services({
      containers,
      definitions,
      events: this.events,
      stopping: stop.signal,
      remake: (record, spec) => this.#remake(record, spec),
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
    const dir = `${state}/linux`;
    for (const path of [state, root]) {
      Deno.mkdirSync(path, { recursive: true, mode: 0o700 });
      checkOwnDirectory(path);
    }
    for (const path of [dir, `${state}/oci`]) {
      Deno.mkdirSync(path, { recursive: true, mode: 0o700 });
    }
    Deno.chmodSync(state, 0o700);
    await using opened = new AsyncDisposableStack();
    opened.use(await takeLock(`${state}/berth.lock`, `is running on ${state}`));
    // Containers of one id would share logs and checkpoints. The name lets it be the same directory.
    opened.use(await takeLock(`${root}/root.lock`, `has ${root}, choose another --root`));
    removeHalfMadeSockets(state);
    const journal = opened.use(Journal.open(`${state}/events`, config.events));
    const events = opened.use(new EventPublisher(journal));
    events.addListener((event) => hooks.event(event));
    // Where containers were that named no cgroup: they have gone, or are still in it.
    opened.defer(() => {
      const cgroup = cgroupAt(`/${stateCgroupName(state)}`);
      if (cgroup !== undefined) removeIfEmpty(cgroup);
    });
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
      new Networks({
        config,
        spawn: (argv, spawnOptions) => reaper.spawn(argv, spawnOptions),
        stopping: stop.signal,
      }),
    );
    const manager = new ContainerManager({
      options,
      containers,
      dir,
      stop,
      shims,
      networks,
      timeouts,
      events,
      definitions: Definitions.open(root),
      opened: opened.move(),
    });
    try {
      await manager.#reconnect();
      return manager;
    } catch (error) {
      await manager[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The name or path of the OCI runtime that containers get unless they ask for another. */
  get defaultRuntime(): string {
    return this.#options.config.runtime.runtime;
  }

  /** Its version; empty until it has told it, and if it cannot be run. */
  get defaultRuntimeVersion(): string {
    return this.#runtimes.version(this.defaultRuntime) ?? "";
  }

  /** The networks of the containers. */
  get networks(): Networks {
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

  /** How many shims wait for a container. */
  get idleShims(): number {
    return this.#context.shims.idle;
  }

  /**
   * Finds a container.
   *
   * @throws {NotFoundError} if there is none of this id, or another one than that of `instance`.
   */
  get(id: string, instance?: string): Container {
    return this.#containers.get(id, instance);
  }

  /**
   * Creates a container; see `container.create`.
   *
   * @throws {AlreadyExistsError} if the id is taken; nothing was touched.
   */
  async create(params: ParsedParamsOf<DaemonContract, "container.create">): Promise<Container> {
    const { id } = params;
    this.#containers.checkFree(id);
    const dir = `${this.#dir}/${id}`;
    const { networks } = this.#context;
    const instance = params.instance ?? crypto.randomUUID();
    const { spec, record } = checkCreate(params, {
      format: BUNDLE_FORMAT,
      instance,
      runtime: this.defaultRuntime,
      runtimeRoot: `${this.#options.config.state}/oci`,
      createdAt: new Date().toISOString(),
      root: this.#options.config.root,
      logs: this.#options.config.logs,
    }, {
      bundleDir: dir,
      cgroupsPath: defaultCgroupsPath(this.#cgroupDriver, this.#cgroupName, id),
      cgroupParent: `/${this.#cgroupName}`,
      networkNamespace: networks.namespaceOf(instance),
    });
    const network = params.network === undefined
      ? undefined
      : networks.plan(params.network, { id, instance, hostname: hostnameOf(spec, id) });
    if (network === undefined) raiseLoopback(id, networkNamespaceOf(spec));
    using _fds = this.#options.fds.reserveCreate(id);
    return await this.#containers.create(id, async (begun) => {
      try {
        if (params.restart !== undefined && params.restart.policy !== "no") {
          const service = { policy: params.restart, started: false, progress: NO_PROGRESS };
          this.#definitions.write({ spec, record, service });
        }
        return await this.#make(record, spec, {
          begun,
          network,
          prepare: () => prepareLog(record.log),
        });
      } catch (error) {
        this.#definitions.remove(id);
        throw error;
      }
    });
  }

  async #make(
    record: BundleRecord,
    spec: CheckedSpec,
    { begun, network, prepare }: {
      readonly begun: (container: Container) => void;
      readonly network: NetworkPlan | undefined;
      /** Done once the bundle is there. */
      readonly prepare?: () => void;
    },
  ): Promise<Container> {
    const directStart = this.#startsDirectly(record, spec);
    const sharedPidNamespace = !hasOwnPidNamespace(spec);
    const dir = `${this.#dir}/${record.id}`;
    using claims = new DisposableStack();
    const ownRecord = { ...record, directStart, sharedPidNamespace };
    const bundle = Bundle.create(dir, ownRecord, spec, () => claims.use(this.#claimCgroup(record)));
    try {
      prepare?.();
    } catch (error) {
      bundle.remove();
      throw error;
    }
    const container = new Container(bundle, this.#context, "creating");
    begun(container);
    await container.create(network);
    return container;
  }

  /** Creates the container of a definition in the place of the one that has the id. */
  async #remake(record: BundleRecord, spec: CheckedSpec): Promise<Container> {
    const { id, instance } = record;
    const { networks } = this.#context;
    const network = record.network === undefined
      ? undefined
      : networks.planAgain(networkParams.parse(record.network), {
        id,
        instance,
        hostname: hostnameOf(spec, id),
      });
    if (network === undefined) raiseLoopback(id, networkNamespaceOf(spec));
    const ownSpec = network === undefined
      ? spec
      : withNetworkNamespace(spec, networks.namespaceOf(instance));
    const ownRecord = { ...record, runtimeRoot: `${this.#options.config.state}/oci` };
    using _fds = this.#options.fds.reserveCreate(id);
    return await this.#containers.recreate(
      id,
      async (begun) => await this.#make(ownRecord, ownSpec, { begun, network }),
    );
  }

  /**
   * Returns a container whose bundle has gone, as it is until it is started again, if it is
   * defined.
   */
  #rest({ id, bundle, processes }: Container): Container | undefined {
    if (!this.#definitions.keeps(id)) {
      this.#definitions.remove(id);
      return undefined;
    }
    // A run that was never begun changes nothing.
    if (processes.startedAt === undefined) return this.#resting(id);
    const exit = processes.exit ?? unknownExit();
    this.#definitions.setExit(bundle.record, exit, processes.pid);
    return this.#resting(id, processes);
  }

  /** A container that is only defined. `processes` is what is known of its last instance. */
  #resting(id: string, processes?: ProcessTable): Container {
    const container = new Container(this.#definitions.bundle(id), this.#context, "resting");
    const recorded = container.bundle.exitRecord();
    container.processes.presume(processes?.pid ?? recorded?.pid ?? 0, processes?.startedAt);
    container.processes.recordExit(undefined, processes?.exit ?? recorded ?? unknownExit());
    return container;
  }

  /**
   * Takes the container's cgroup until the result is disposed, by when a process is in it. Two
   * containers in one cgroup, or one in another's, would be paused, limited and killed as one.
   *
   * @throws {FailedPreconditionError} if the container's cgroup is another's, or has processes.
   */
  #claimCgroup({ id, cgroupsPath, systemdCgroup }: BundleRecord): Disposable | undefined {
    if (cgroupsPath === undefined) return undefined;
    const refuse = (why: string) => {
      throw new FailedPreconditionError(
        `cannot create container ${id}: its cgroup ${cgroupsPath} ${why}; ` +
          "give it one of its own (linux.cgroupsPath)",
        { data: { id } },
      );
    };
    const other = this.#containers.inCgroup(cgroupsPath);
    if (other !== undefined && other.id !== id) {
      const same = other.bundle.record.cgroupsPath === cgroupsPath;
      refuse(`is ${same ? "that" : "above or below that"} of container ${other.id}`);
    }
    using claims = new DisposableStack();
    // Units of systemd have names that it lets nobody take twice.
    if (systemdCgroup !== true) {
      const claim = CgroupClaim.take(cgroupsPath, this.#hierarchies);
      if (claim === undefined) refuse("is being made by another daemon");
      claims.use(claim);
    }
    const cgroup = cgroupAt(cgroupsPath, this.#hierarchies);
    // Of a hybrid's hierarchies any may have them.
    for (const [name, path] of Object.entries(cgroup?.paths ?? {})) {
      const [pid] = pids({ version: 1, paths: { [name]: path } });
      if (pid !== undefined) refuse(`has processes already, ${pid} among them`);
    }
    return claims.move();
  }

  /** runc runs hooks of `poststart` in create; another version might not (OCI spec: after start). */
  #startsDirectly({ runtime }: BundleRecord, spec: CheckedSpec): boolean {
    const { direct_start } = this.#options.config.runtime;
    return direct_start && !hasHooks(spec, "poststart") && this.#runtimes.isRunc(runtime);
  }

  async #reconnect(): Promise<void> {
    const loaded: Container[] = [];
    const bundles = [...Deno.readDirSync(this.#dir)].filter(({ isDirectory }) => isDirectory);
    // Before a bundle is read: for want of fds it would be taken for a damaged one.
    this.#options.fds.requireReconnect(bundles.length);
    for (const entry of bundles) {
      const container = this.#load(entry.name);
      if (container === undefined) continue;
      this.#containers.add(container);
      loaded.push(container);
    }
    // Before a container is reconnected, which may be its end and that of its network.
    const instances = new Set(loaded.map(({ bundle }) => bundle.record.instance));
    const known = new Set(loaded.map(({ id }) => id));
    this.#context.networks.adopt(({ id, instance }) =>
      // A bundle that could not be read is left alone, and so is its network.
      instances.has(instance) || (!known.has(id) && exists(`${this.#dir}/${id}`))
    );
    const found = loaded.map((container) =>
      container.reconnect().then(() =>
        goOn(container.id, () => {
          resumeStop(container, this.#context.stopping);
          this.services.settle(container.id);
        })
      )
    );
    for (const id of this.#definitions.ids()) goOn(id, () => this.#findDefined(id));
    if (found.length === 0) return;
    await withTimeout(Promise.all(found), RECONNECT_GRACE);
  }

  /** Loads a container that has only a definition, as after a reboot. */
  #findDefined(id: string): void {
    if (this.#containers.find(id) !== undefined) return;
    // Whoever created it was never told so, or its machine went down before it was started.
    if (!this.#definitions.keeps(id)) return this.#definitions.remove(id);
    this.#containers.add(this.#resting(id));
    this.services.settle(id);
  }

  #load(name: string): Container | undefined {
    const dir = `${this.#dir}/${name}`;
    try {
      const bundle = Bundle.read(dir);
      if (bundle === undefined) {
        removeClaimedCgroup(bundlePaths(dir).config);
        removeBundleDir(dir);
        return undefined;
      }
      return new Container(bundle, this.#context, "connecting");
    } catch (error) {
      getLogger(["berth", "container"]).error(
        "cannot read the bundle {dir}, left alone: {reason}",
        {
          dir,
          reason: messageOf(error),
          error,
        },
      );
      return undefined;
    }
  }

  /** Disconnects from every container, which keeps running, and closes the journal. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.services[Symbol.dispose]();
    await this.#opened.disposeAsync();
  }
}

/** Does what is to be done for one container, whose trouble must not keep the others from theirs. */
function goOn(id: string, action: () => void): void {
  try {
    action();
  } catch (error) {
    getLogger(["berth", "container"]).error("{id}: cannot go on with it: {reason}", {
      id,
      reason: messageOf(error),
      error,
    });
  }
}

/** Exit of a container that went down with the machine and was not observed. */
function unknownExit(): KnownExit {
  const exitedAt = new Date().toISOString();
  return { exitStatus: 128 + SIGKILL, exitedAt, exitStatusUnknown: true };
}

/**
 * What is in the state and the root directory is believed, and some of it is run.
 *
 * @throws {FailedPreconditionError} if another user owns the directory, or may write to it.
 */
function checkOwnDirectory(path: string): void {
  const { uid, mode } = Deno.statSync(path);
  const own = Deno.uid();
  const why = uid !== own
    ? `belongs to uid ${uid}, not to ${own}`
    : ((mode ?? 0) & 0o022) !== 0
    ? `can be written by others (mode ${((mode ?? 0) & 0o7777).toString(8)})`
    : undefined;
  if (why === undefined) return;
  throw new FailedPreconditionError(
    `the directory ${path} ${why}: whoever writes there is as good as root; ` +
      "remove it if it is not berth's, or give it to root with mode 0700",
  );
}

/**
 * Sets the loopback up of a network namespace that a spec names by its path, so that 127.0.0.1 can be
 * reached in the container: the runtime does that only in a namespace of its own making.
 *
 * @throws {FailedPreconditionError} if the path leads to something else.
 */
function raiseLoopback(id: string, path: string | undefined): void {
  if (path === undefined) return;
  try {
    setLoopbackUp(path);
  } catch (error) {
    // The runtime would open it, and wait for the writer of a FIFO.
    if (isErrno(error, EINVAL)) {
      throw new FailedPreconditionError(
        `cannot create container ${id}: ${path} is no network namespace`,
        { cause: error, data: { id } },
      );
    }
    // Of a path that leads nowhere the runtime says what is wrong.
    getLogger(["berth", "network"]).debug("{id}: cannot set the loopback up in {path}: {reason}", {
      id,
      path,
      reason: messageOf(error),
      error,
    });
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
