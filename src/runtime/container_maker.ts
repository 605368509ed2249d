// SPDX-License-Identifier: MIT
import { type CgroupDriver, detectCgroupDriver } from "../linux/cgroup/driver.ts";
import { BUNDLE_FORMAT, type BundleRecord } from "../oci/bundle_layout.ts";
import { defaultCgroupsPath } from "../oci/spec/cgroups_path.ts";
import {
  hasHooks,
  hasOwnPidNamespace,
  hostnameOf,
  mountsHostCgroups,
  networkNamespaceOf,
} from "../oci/spec/facts.ts";
import type { DaemonContract } from "../rpc/contract/daemon.ts";
import type { ParsedParamsOf } from "../rpc/contract/method.ts";
import { networkParams } from "../rpc/contract/schemas/network.ts";
import { Bundle } from "./bundle/bundle.ts";
import { ManagedContainer } from "./container/managed_container.ts";
import type { ContainerContext } from "./container/context.ts";
import type { ContainerRegistry } from "./container_registry.ts";
import { claimCgroup } from "./create/cgroup_claim.ts";
import { checkCreate } from "./create/create_params.ts";
import { prepareLog } from "./create/log.ts";
import { joinAgain, type NamespaceOwner, sharedNamespaces } from "./create/shared_namespaces.ts";
import { type CheckedSpec, withNetworkNamespace } from "./create/spec_changes.ts";
import type { Definitions } from "./definitions/definitions.ts";
import { NO_PROGRESS } from "./definitions/service_record.ts";
import type { FdBudget } from "./fd_budget.ts";
import { raiseLoopback } from "./network/loopback.ts";
import type { NetworkPlan } from "./network/plan.ts";
import type { RuntimeProbe } from "./runtime_probe.ts";
import type { MountKeeper } from "./service/mount_keeper.ts";
import { bundlesDir, runtimeStateDir } from "./state_dir.ts";

/** The daemon's parts that a new container is checked against and made with. */
export interface ContainerMakerOptions {
  readonly containers: ContainerRegistry;
  readonly definitions: Definitions;
  readonly context: ContainerContext;
  /** Keeps creates from taking the last fds. */
  readonly fds: FdBudget;
  readonly runtimes: RuntimeProbe;
  /** Name of the cgroup above those of containers that name none. */
  readonly cgroupName: string;
  /** Keeps the options of the host's cgroup v2 from a runtime that mounts it. */
  readonly cgroupMounts: MountKeeper;
  /** Throws {@linkcode FailedPreconditionError} if nothing may be done with the container of the id. */
  readonly checkUsable: (id: string) => void;
}

/** How a container is made of its record and its spec. */
interface MakeOptions {
  readonly network: NetworkPlan | undefined;
  /** Called with the container before its shim is. */
  readonly begun: (container: ManagedContainer) => void;
  /** Called once the bundle is there. */
  readonly prepare?: () => void;
}

/** Makes containers, each with its bundle, its cgroup and its shim. */
export class ContainerMaker {
  readonly #options: ContainerMakerOptions;
  readonly #cgroupDriver: CgroupDriver;

  constructor(options: ContainerMakerOptions) {
    this.#options = options;
    const { config } = options.context;
    this.#cgroupDriver = config.runtime.cgroup_driver ??
      detectCgroupDriver({ hierarchies: options.context.hierarchies });
  }

  /**
   * Creates a container; see `container.create`.
   *
   * @throws {AlreadyExistsError} if the id is taken; nothing was touched.
   * @throws {FailedPreconditionError} if the id is that of a rename that is not done.
   */
  async create(
    params: ParsedParamsOf<DaemonContract, "container.create">,
  ): Promise<ManagedContainer> {
    const { cgroupName, checkUsable, containers, context, definitions, fds } = this.#options;
    const { config, networks } = context;
    const { id } = params;
    containers.checkFree(id);
    checkUsable(id);
    const instance = params.instance ?? crypto.randomUUID();
    const { spec, record: asked } = checkCreate(params, {
      format: BUNDLE_FORMAT,
      instance,
      runtime: config.runtime.runtime,
      runtimeRoot: runtimeStateDir(config.state),
      createdAt: new Date().toISOString(),
      root: config.root,
      logs: config.logs,
    }, {
      bundleDir: `${bundlesDir(config.state)}/${id}`,
      cgroupsPath: defaultCgroupsPath(this.#cgroupDriver, cgroupName, id),
      cgroupParent: `/${cgroupName}`,
      networkNamespace: networks.namespaceOf(instance),
    });
    const record = this.#recordOf(asked, spec);
    const network = params.network === undefined
      ? undefined
      : networks.plan(params.network, { id, instance, hostname: hostnameOf(spec, id) });
    if (network === undefined) raiseLoopback(id, networkNamespaceOf(spec));
    using _fds = fds.reserveCreate(id);
    return await containers.create(id, async (begun) => {
      try {
        if (params.restart !== undefined && params.restart.policy !== "no") {
          const service = { policy: params.restart, started: false, progress: NO_PROGRESS };
          definitions.write({ spec, record, service });
        }
        definitions.autoRemove.add(record);
        return await this.#make(record, spec, {
          begun,
          network,
          prepare: () => prepareLog(record.log),
        });
      } catch (error) {
        definitions.remove(id);
        definitions.autoRemove.remove(id);
        throw error;
      }
    });
  }

  /** Returns a record with the facts that berth itself finds out about the spec. */
  #recordOf(record: BundleRecord, spec: CheckedSpec): BundleRecord {
    return {
      ...record,
      directStart: this.#startsDirectly(record, spec),
      sharedPidNamespace: !hasOwnPidNamespace(spec),
      sharedNamespaces: sharedNamespaces(spec, () => this.#owners()),
      runtimeTimeoutMs: this.#options.context.timeouts.runtime,
    };
  }

  /** Makes the container of a record and a spec. */
  async #make(
    record: BundleRecord,
    spec: CheckedSpec,
    { network, begun, prepare }: MakeOptions,
  ): Promise<ManagedContainer> {
    const { cgroupMounts, context } = this.#options;
    using claims = new DisposableStack();
    const bundle = Bundle.create(
      `${bundlesDir(context.config.state)}/${record.id}`,
      record,
      spec,
      () => claims.use(this.#claimCgroup(record, spec)),
    );
    try {
      prepare?.();
    } catch (error) {
      bundle.remove();
      throw error;
    }
    const container = new ManagedContainer(bundle, context, "creating");
    begun(container);
    const create = () => container.create(network);
    await (mountsHostCgroups(spec) ? cgroupMounts.keep(create) : create());
    return container;
  }

  /**
   * Makes the container of a definition in the place of the one that has the id.
   *
   * @throws {FailedPreconditionError} if the owner of a namespace that it shares does not run any more.
   */
  async remake(record: BundleRecord, definition: CheckedSpec): Promise<ManagedContainer> {
    const { containers, context: { config, networks }, fds } = this.#options;
    const { id, instance, sharedNamespaces: shared = [] } = record;
    // Of one that is still being connected to it is not known whether it runs.
    const owners = new Set(shared.flatMap((one) => "container" in one ? [one.container] : []));
    for (const owner of owners) await containers.find(owner)?.settled();
    const spec = joinAgain(id, definition, shared, (owner) => {
      return this.#owners().find((each) => each.id === owner);
    });
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
    const ownRecord = this.#recordOf(
      { ...record, runtimeRoot: runtimeStateDir(config.state) },
      ownSpec,
    );
    using _fds = fds.reserveCreate(id);
    return await containers.recreate(
      id,
      async (begun) => await this.#make(ownRecord, ownSpec, { begun, network }),
    );
  }

  /** Returns the containers as those whose namespaces others may share. */
  #owners(): NamespaceOwner[] {
    const { containers, context: { networks } } = this.#options;
    return [...containers].map(({ id, status, processes: { pid }, bundle: { record } }) => ({
      id,
      pid: status === "stopped" ? 0 : pid,
      networkNamespace: networks.namespaceOf(record.instance),
    }));
  }

  /** runc runs hooks of `poststart` in create; another version might not (OCI spec: after start). */
  #startsDirectly({ runtime }: BundleRecord, spec: CheckedSpec): boolean {
    const { context: { config: { runtime: { direct_start } } }, runtimes } = this.#options;
    return direct_start && !hasHooks(spec, "poststart") && runtimes.isRunc(runtime);
  }

  #claimCgroup(record: BundleRecord, spec: CheckedSpec): Disposable | undefined {
    return claimCgroup(
      record,
      spec,
      (path) => this.#options.containers.inCgroup(path)?.bundle.record,
      this.#options.context.hierarchies,
    );
  }
}
