// SPDX-License-Identifier: MIT
import { cgroupHierarchies } from "../linux/cgroup/cgroup.ts";
import type { BundleRecord } from "../oci/bundle_layout.ts";
import { hasHooks, hasOwnPidNamespace, hostnameOf, networkNamespaceOf } from "../oci/spec/facts.ts";
import { networkParams } from "../rpc/contract/network/schemas.ts";
import { Bundle } from "./bundle/bundle.ts";
import type { Config } from "./config/config.ts";
import { Container } from "./container/container.ts";
import type { ContainerContext } from "./container/context.ts";
import type { ContainerRegistry } from "./container_registry.ts";
import { claimCgroup } from "./create/cgroup_claim.ts";
import { withNetworkNamespace } from "./create/create_params.ts";
import type { CheckedSpec } from "./create/create_params.ts";
import { joinAgain, type NamespaceOwner, sharedNamespaces } from "./create/shared_namespaces.ts";
import type { FdBudget } from "./fd_budget.ts";
import { raiseLoopback } from "./network/loopback.ts";
import type { NetworkPlan } from "./network/plan.ts";
import type { RuntimeProbe } from "./runtime_probe.ts";
import { bundlesDir, runtimeStateDir } from "./state_dir.ts";

/** What {@linkcode ContainerMaker} needs. */
export interface ContainerMakerOptions {
  readonly config: Config;
  readonly containers: ContainerRegistry;
  readonly context: ContainerContext;
  /** What creates take of the fds. */
  readonly fds: FdBudget;
  readonly runtimes: RuntimeProbe;
}

/** How {@linkcode ContainerMaker.make} makes a container. */
export interface MakeOptions {
  readonly network: NetworkPlan | undefined;
  /** Called with the container before its shim is. */
  readonly begun: (container: Container) => void;
  /** Called once the bundle is there. */
  readonly prepare?: () => void;
}

/** Makes containers: the bundle, the cgroup, and what the shim makes of them. */
export class ContainerMaker {
  readonly #options: ContainerMakerOptions;
  readonly #hierarchies = cgroupHierarchies();

  constructor(options: ContainerMakerOptions) {
    this.#options = options;
  }

  /** Makes the container of a record and a spec. */
  async make(
    record: BundleRecord,
    spec: CheckedSpec,
    { network, begun, prepare }: MakeOptions,
  ): Promise<Container> {
    const { config, context } = this.#options;
    const ownRecord: BundleRecord = {
      ...record,
      directStart: this.#startsDirectly(record, spec),
      sharedPidNamespace: !hasOwnPidNamespace(spec),
      sharedNamespaces: sharedNamespaces(spec, () => this.#owners()),
      runtimeTimeoutMs: context.timeouts.runtime,
    };
    using claims = new DisposableStack();
    const bundle = Bundle.create(
      `${bundlesDir(config.state)}/${record.id}`,
      ownRecord,
      spec,
      () => claims.use(this.#claimCgroup(record)),
    );
    try {
      prepare?.();
    } catch (error) {
      bundle.remove();
      throw error;
    }
    const container = new Container(bundle, context, "creating");
    begun(container);
    await container.create(network);
    return container;
  }

  /**
   * Makes the container of a definition in the place of the one that has the id.
   *
   * @throws {FailedPreconditionError} if it shares a namespace with what does not run any more.
   */
  async remake(record: BundleRecord, definition: CheckedSpec): Promise<Container> {
    const { config, containers, context: { networks }, fds } = this.#options;
    const { id, instance, sharedNamespaces: shared = [] } = record;
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
    const ownRecord = { ...record, runtimeRoot: runtimeStateDir(config.state) };
    using _fds = fds.reserveCreate(id);
    return await containers.recreate(
      id,
      async (begun) => await this.make(ownRecord, ownSpec, { begun, network }),
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
    const { config: { runtime: { direct_start } }, runtimes } = this.#options;
    return direct_start && !hasHooks(spec, "poststart") && runtimes.isRunc(runtime);
  }

  #claimCgroup(record: BundleRecord): Disposable | undefined {
    return claimCgroup(
      record,
      (path) => this.#options.containers.inCgroup(path)?.bundle.record,
      this.#hierarchies,
    );
  }
}
