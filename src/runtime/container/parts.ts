// SPDX-License-Identifier: MIT
// Makes the parts that one container consists of.
import type { Bundle } from "../bundle/bundle.ts";
import type { ContainerListener } from "../shims/shim_manager.ts";
import { Mutex } from "../util/locks.ts";
import { ContainerCgroup } from "./cgroup.ts";
import { ContainerCleanup } from "./cleanup.ts";
import type { ContainerContext } from "./context.ts";
import { ContainerEvents } from "./events.ts";
import { ContainerLife } from "./life.ts";
import type { BeginPhase } from "../states/life_states.ts";
import { ProcessTable } from "./process_table.ts";

/** The parts of one container. */
export interface ContainerParts {
  readonly bundle: Bundle;
  readonly context: ContainerContext;
  readonly life: ContainerLife;
  readonly processes: ProcessTable;
  readonly cgroup: ContainerCgroup;
  readonly events: ContainerEvents;
  readonly cleanup: ContainerCleanup;
  /** Aborted to end a create that is under way, with the error for its caller. */
  readonly creation: AbortController;
  /** Held by calls that change the container's life as a whole: create, reconnect, cleanup, delete. */
  readonly lock: Mutex;
}

/** Makes the parts for a bundle that is new, or that was found. */
export function makeParts(
  bundle: Bundle,
  context: ContainerContext,
  begin: BeginPhase,
): ContainerParts {
  const life = new ContainerLife({
    id: bundle.id,
    begin,
    shimPid: bundle.shimRecord()?.pid ?? 0,
    stopping: context.stopping,
  });
  const processes = new ProcessTable();
  const cgroup = new ContainerCgroup({ bundle, processes, context, events: () => events });
  const events: ContainerEvents = new ContainerEvents({
    bundle,
    processes,
    log: context.events,
    network: () => context.networks.state(bundle.record.instance),
    isResting: begin === "resting",
    beforeExit: () => cgroup.pollMonitors(),
    ack: (seq) => life.client?.ack(seq),
  });
  const cleanup = new ContainerCleanup({ bundle, processes, cgroup, context, events });
  return {
    bundle,
    context,
    life,
    processes,
    cgroup,
    events,
    cleanup,
    creation: new AbortController(),
    lock: new Mutex(),
  };
}

/** Returns the listener for connections, events and runtime calls of a container's shim. */
export function shimListener(
  { bundle: { id }, context, events, life }: ContainerParts,
): ContainerListener {
  return {
    connected: (shim) => life.connect(shim),
    event: (event) => events.ingest(event),
    runtimeCall: (call) => context.hooks.runtimeCall({ ...call, id }),
  };
}
