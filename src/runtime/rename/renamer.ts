// SPDX-License-Identifier: MIT
import { failpoint } from "../../failpoint.ts";
import { exists } from "../../linux/fs/exists.ts";
import { bundlePaths, filePath } from "../../oci/bundle_layout.ts";
import { formerLogPath } from "../../oci/log_layout.ts";
import { exitOf, unseenExit } from "../../oci/process_exit.ts";
import { FailedPreconditionError, InvalidParamsError } from "../../rpc/errors.ts";
import type { ManagedContainer } from "../container/managed_container.ts";
import type { ContainerRegistry } from "../container_registry.ts";
import type { EventPublisher } from "../events/publisher.ts";
import type { ContainerNetworks } from "../network/networks.ts";
import type { Definitions } from "../definitions/definitions.ts";
import type { RestingContainers } from "../definitions/resting.ts";
import type { RenameParams } from "../service/with_resting.ts";
import type { Services } from "../service/services.ts";
import { exhaustedOr } from "../util/exhausted_or.ts";
import { planRename, type RenamePlan } from "./plan.ts";
import type { RenameRecords } from "./records.ts";

/** The daemon's directories, and its parts that know a container by its id. */
export interface RenamerOptions {
  /** The root directory. */
  readonly root: string;
  /** The directory of the bundles. */
  readonly bundles: string;
  readonly records: RenameRecords;
  readonly containers: ContainerRegistry;
  readonly definitions: Definitions;
  readonly resting: RestingContainers;
  readonly services: Services;
  readonly networks: ContainerNetworks;
  readonly events: EventPublisher;
}

/**
 * Gives stopped containers other ids. A container is first left with nothing but its definition: its
 * shim, its network and its bundle know it by its old id, and the next start makes others. What is left
 * is files below the root directory; {@linkcode RenameRecords} has them moved, whatever is killed.
 */
export class Renamer {
  readonly #options: RenamerOptions;

  constructor(options: RenamerOptions) {
    this.#options = options;
  }

  /**
   * Gives a stopped container another id.
   *
   * @throws {AlreadyExistsError} if the new id is taken.
   * @throws {FailedPreconditionError} if the container is not stopped, is about to run again or to be
   * removed, shares its namespaces with another one, or has its log where an early berth put logs.
   */
  async rename({ id, newId, instance }: RenameParams): Promise<void> {
    const { bundles, containers, root, services } = this.#options;
    const { bundle: { record: { stdio } } } = containers.get(id, instance);
    if (id === newId) {
      throw new InvalidParamsError(
        `cannot rename container ${id}: the new id is the old one`,
        [{ path: "newId", message: "is the id that the container has" }],
        { data: { id } },
      );
    }
    const former = formerLogPath(root, id);
    if ([stdio.stdout, stdio.stderr].some((target) => filePath(target) === former)) {
      throw new FailedPreconditionError(
        `container ${id} cannot be renamed: its log ${former} is where early versions put logs`,
        { data: { id } },
      );
    }
    using _taken = containers.reserve(newId);
    if (exists(bundlePaths(`${bundles}/${newId}`).record)) {
      // Not that it exists already: a client would wait for it to be there.
      throw new FailedPreconditionError(
        `container ${newId}: its bundle ${bundles}/${newId} is still there and cannot be read`,
        { data: { id: newId } },
      );
    }
    this.#checkSharers(id);
    await services.withResting({ id, newId, instance }, (container) => {
      // A sharer may have been created meanwhile.
      this.#checkSharers(id);
      this.#rename(container, newId);
    });
  }

  /** Refuses a container whose id stands in the record of another, which shares its namespaces. */
  #checkSharers(id: string): void {
    for (const { id: other, bundle: { record } } of this.#options.containers) {
      const shares = record.sharedNamespaces?.some((one) =>
        "container" in one && one.container === id
      );
      if (!shares) continue;
      throw new FailedPreconditionError(
        `container ${id} cannot be renamed: container ${other} shares its namespaces`,
        { data: { id } },
      );
    }
  }

  /** Renames without a pause: nothing else sees the container between its two ids. */
  #rename(container: ManagedContainer, to: string): void {
    const { bundles, containers, definitions, records, resting, root } = this.#options;
    const { id, bundle: { record }, processes } = container;
    failpoint("rename.rested");
    // A full disk may not have taken it so far.
    definitions.setRecord(record);
    const plan = planRename(definitions.read(id), {
      root,
      bundles,
      to,
      exit: {
        instance: record.instance,
        pid: processes.pid,
        ...exitOf(processes.exit ?? unseenExit()),
      },
    });
    try {
      records.begin(plan);
    } catch (error) {
      throw exhaustedOr(error, "cannot rename it", id);
    }
    definitions.loadRenamed(id, to);
    containers.rename(id, resting.load(to, processes));
    this.finish(plan);
  }

  /**
   * Finishes a rename whose files are where they belong: publishes the event, once. The plan stays for
   * the next daemon until the journal has taken the event.
   */
  finish(plan: RenamePlan): void {
    const { events, networks, records } = this.#options;
    const { from, to, definition: { record }, exit } = plan;
    networks.renameAddresses(from, to);
    failpoint("rename.publish");
    const end = () => {
      failpoint("rename.published");
      records.end(plan);
    };
    if (events.journal.facts(record.instance).renamedTo === to) return end();
    const event = {
      type: "renamed",
      timestamp: new Date().toISOString(),
      id: from,
      newId: to,
      instance: record.instance,
      pid: exit.pid,
      ...(Object.keys(record.labels).length === 0 ? {} : { labels: record.labels }),
    } as const;
    events.publish(event, undefined, end);
  }
}
