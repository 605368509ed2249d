// SPDX-License-Identifier: MIT
import { type ProcessExit, unseenExit } from "../../oci/process_exit.ts";
import { ManagedContainer } from "../container/managed_container.ts";
import type { ContainerContext } from "../container/context.ts";
import type { ProcessTable } from "../container/process_table.ts";
import type { Definitions } from "./definitions.ts";

/** Makes containers of definitions: stopped ones without a bundle of their own. */
export class RestingContainers {
  readonly #definitions: Definitions;
  readonly #context: ContainerContext;

  /** Gives `context` to each container. */
  constructor(definitions: Definitions, context: ContainerContext) {
    this.#definitions = definitions;
    this.#context = context;
  }

  /**
   * Returns the container that takes the place of one whose bundle has gone, until it is started
   * again. Returns undefined, and removes the definition, if the container is not kept.
   */
  replace({ id, bundle, processes }: ManagedContainer): ManagedContainer | undefined {
    if (!this.#definitions.keeps(id)) {
      this.#definitions.remove(id);
      this.#definitions.autoRemove.remove(id);
      return undefined;
    }
    // A run that was never begun changes nothing.
    if (processes.startedAt === undefined) return this.load(id);
    const exit = processes.exit ?? unseenExit();
    this.#definitions.setExit(bundle.record, exit, processes.pid);
    return this.load(id, processes);
  }

  /**
   * Returns the container of a definition.
   *
   * @param processes What is known of its last instance.
   */
  load(id: string, processes?: ProcessTable): ManagedContainer {
    const container = new ManagedContainer(this.#definitions.bundle(id), this.#context, "resting");
    const recorded = container.bundle.exitRecord();
    container.processes.presume(processes?.pid ?? recorded?.pid ?? 0, processes?.startedAt);
    const exit = processes?.exit ?? recorded;
    container.processes.recordExit(undefined, exit ?? this.#recordUnknownExit(container));
    return container;
  }

  /** Records when it was first known that the container had ended, so that this stays the same. */
  #recordUnknownExit({ bundle, processes }: ManagedContainer): ProcessExit {
    const exit = unseenExit();
    this.#definitions.setExit(bundle.record, exit, processes.pid);
    return exit;
  }
}
