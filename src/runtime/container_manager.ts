// SPDX-License-Identifier: MIT
import type { Hierarchy } from "../linux/cgroup/cgroup.ts";
import type { Reaper } from "../linux/process/reaper.ts";
import { OciRuntime } from "../oci/driver/oci_runtime.ts";
import { UnavailableError } from "../rpc/errors.ts";
import { ContainerNetworks } from "./network/networks.ts";
import type { Config } from "./config/config.ts";
import type { Spawn } from "../oci/driver/spawn.ts";
import type { ContainerContext } from "./container/context.ts";
import { ContainerRegistry } from "./container_registry.ts";
import { EventPublisher } from "./events/publisher.ts";
import type { FdBudget } from "./fd_budget.ts";
import { Journal } from "./events/journal.ts";
import { Definitions } from "./definitions/definitions.ts";
import { MountKeeper } from "./service/mount_keeper.ts";
import { Services } from "./service/services.ts";
import { RuntimeProbe } from "./runtime_probe.ts";
import type { Monitor } from "./monitors/monitor.ts";
import type { DaemonHooks } from "./observability/hooks.ts";
import { createShimManager } from "./shims/create_shim_manager.ts";
import type { ShimManager } from "./shims/shim_manager.ts";
import { ContainerMaker } from "./container_maker.ts";
import { reconnectContainers } from "./reconnect.ts";
import { bundlesDir, runtimeStateDir, takeStateDir } from "./state_dir.ts";
import { RestingContainers } from "./definitions/resting.ts";
import type { RenamePlan } from "./rename/plan.ts";
import { RenameRecords } from "./rename/records.ts";
import { Renamer } from "./rename/renamer.ts";

/** The config, the parts of the daemon's process, and the watchers of its containers. */
export interface ContainerManagerOptions {
  readonly config: Config;
  readonly reaper: Reaper;
  /** Command that runs this berth. */
  readonly self: () => readonly string[];
  /** Keeps creates from taking the last fds. */
  readonly fds: FdBudget;
  /** Watches every container. */
  readonly monitor: Monitor;
  /** The cgroup hierarchies of the host. */
  readonly hierarchies: readonly Hierarchy[];
  /** Called as things happen, for the log and the metrics. */
  readonly hooks: DaemonHooks;
}

/** Every container of one state directory, and the parts of the daemon that serve them. */
export interface ContainerManager extends AsyncDisposable {
  /** The containers, by id. */
  readonly containers: ContainerRegistry;
  /** Publishes events into the journal. */
  readonly events: EventPublisher;
  /** The networks of the containers. */
  readonly networks: ContainerNetworks;
  /** Makes containers. */
  readonly maker: ContainerMaker;
  /** Stops containers, starts them again and keeps them running. */
  readonly services: Services;
  /** Gives containers other ids. */
  readonly renamer: Renamer;
  /** The shims, some of which wait for a container. */
  readonly shims: Pick<ShimManager, "idle">;
  /** Returns the version of the default runtime; empty until it has answered, and if it cannot be run. */
  runtimeVersion(): string;
  /** Disconnects from every container, which keeps running, and closes the journal. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Wires the parts of the daemon that look after containers, and opens the state directory: takes its
 * lock, opens the journal and dials the shim of every bundle, all at once. Waits a moment for the
 * answers, but never for a shim that gives none.
 *
 * @throws {FailedPreconditionError} if another daemon has the state or the root directory.
 */
export async function openContainerManager(
  options: ContainerManagerOptions,
): Promise<ContainerManager> {
  const { config, fds, hierarchies, hooks, monitor, reaper, self } = options;
  const { state, root, runtime: { runtime } } = config;
  const spawn: Spawn = (argv, spawnOptions) => reaper.spawn(argv, spawnOptions);
  await using opened = new AsyncDisposableStack();
  const { cgroupName } = opened.use(await takeStateDir(config));
  const journal = opened.use(Journal.open(`${state}/events`, config.events));
  const events = opened.use(new EventPublisher(journal));
  events.addListener((event) => hooks.event(event));
  const containers = new ContainerRegistry();
  const timeouts = {
    answer: config.shim.timeout * 1000,
    runtime: config.runtime.timeout * 1000,
  };
  const findGroup = (group: string) => containers.shimOfGroup(group);
  const shims = opened.use(
    await createShimManager({ config, reaper, self, timeouts, findGroup }),
  );
  const stop = new AbortController();
  const stopping = stop.signal;
  opened.defer(() => {
    stop.abort(new UnavailableError("the daemon is stopping"));
    for (const container of containers) container[Symbol.dispose]();
  });
  const networks = opened.use(new ContainerNetworks({ config, spawn, stopping }));
  const renames = new RenameRecords(root);
  // Before definitions are read: each is under one id then.
  const finished: RenamePlan[] = renames.finishAll();
  const definitions = Definitions.open(root, (id) => renames.isPartial(id));
  const runtimes = new RuntimeProbe(spawn);
  // So that clients see its version, and a runtime that cannot be run is logged at once.
  runtimes.probe(runtime);
  const context: ContainerContext = {
    config,
    owner: {
      keeps: (id) => definitions.keeps(id),
      service: (id) => services.describe(id),
      cleanupPending: (bundle) => containers.cleanupPending(bundle),
      released: (bundle) => containers.released(bundle, (each) => resting.replace(each)),
    },
    hierarchies,
    shims,
    networks,
    events,
    monitor,
    hooks,
    timeouts,
    stopping,
    runtimeOf: ({ record: { runtime: command, runtimeRoot } }) =>
      new OciRuntime({
        command,
        root: runtimeRoot,
        spawn,
        debug: (call) => hooks.runtimeCall(call),
      }),
  };
  const resting = new RestingContainers(definitions, context);
  const checkUsable = (id: string) => renames.checkUsable(id);
  const cgroupMounts = MountKeeper.open(state);
  const maker = new ContainerMaker({
    containers,
    definitions,
    context,
    fds,
    runtimes,
    cgroupName,
    cgroupMounts,
    checkUsable,
  });
  const services = opened.use(
    new Services({
      containers,
      definitions,
      root,
      cgroupMounts,
      events,
      stopping,
      checkUsable,
      remake: (record, spec) => maker.remake(record, spec),
    }),
  );
  const dir = bundlesDir(state);
  const renamer = new Renamer({
    root,
    bundles: dir,
    records: renames,
    containers,
    definitions,
    resting,
    services,
    networks,
    events,
  });
  for (const plan of finished) renamer.finish(plan);
  const found = { runtime, runtimeRoot: runtimeStateDir(state) };
  await reconnectContainers({
    dir,
    containers,
    context,
    definitions,
    fds,
    resting,
    runtime: found,
    services,
  });
  const all = opened.move();
  return {
    containers,
    events,
    networks,
    maker,
    services,
    renamer,
    shims,
    runtimeVersion: () => runtimes.version(runtime) ?? "",
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}
