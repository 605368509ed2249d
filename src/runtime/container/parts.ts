// SPDX-License-Identifier: MIT
import type { Bundle } from "../bundle/bundle.ts";
import { ContainerCgroup } from "./cgroup.ts";
import type { ContainerContext } from "./context.ts";
import { ContainerEvents } from "./events.ts";
import { ContainerCleanup } from "./cleanup.ts";
import { Mutex } from "../util/mutex.ts";
import { ProcessTable } from "./process_table.ts";
import { ShimConnection } from "../shims/shim_connection.ts";

/** What one container consists of, for all that is done with it. */
export interface ContainerParts {
  readonly bundle: Bundle;
  readonly context: ContainerContext;
  readonly processes: ProcessTable;
  readonly cgroup: ContainerCgroup;
  readonly events: ContainerEvents;
  readonly cleanup: ContainerCleanup;
  readonly connection: ShimConnection;
  /** Held by what changes the container's life as a whole: create, reconnect, cleanup, delete. */
  readonly lock: Mutex;
}

/** Makes the parts for a bundle; `lost` is called when the connection to its shim breaks. */
export function makeParts(
  bundle: Bundle,
  context: ContainerContext,
  lost: () => void,
): ContainerParts {
  const processes = new ProcessTable();
  const cgroup = new ContainerCgroup({ bundle, processes, context, events: () => events });
  const events: ContainerEvents = new ContainerEvents({
    bundle,
    processes,
    log: context.events,
    beforeExit: () => cgroup.pollMonitors(),
    ack: (seq) => connection.client?.ack(seq),
  });
  const cleanup = new ContainerCleanup({ bundle, processes, cgroup, context, events });
  const connection: ShimConnection = new ShimConnection(bundle, context, {
    event: (event) => events.ingest(event),
    runtimeCall: (call) => context.onRuntimeCall(bundle.id, call),
    seen: () => events.shimSeq,
    lost,
  });
  return {
    bundle,
    context,
    processes,
    cgroup,
    events,
    cleanup,
    connection,
    lock: new Mutex(),
  };
}
