// SPDX-License-Identifier: MIT
import type { Bundle } from "../bundle/bundle.ts";
import { ContainerCgroup } from "./cgroup.ts";
import type { ContainerContext } from "./context.ts";
import { ContainerEvents } from "./events.ts";
import { ContainerRemains } from "./cleanup.ts";
import { Lock } from "../util/mutex.ts";
import { Mirror } from "./process_table.ts";
import { ShimLink } from "../shims/shim_connection.ts";

/** What one container consists of, for all that is done with it. */
export interface ContainerParts {
  readonly bundle: Bundle;
  readonly context: ContainerContext;
  readonly mirror: Mirror;
  readonly cgroup: ContainerCgroup;
  readonly events: ContainerEvents;
  readonly remains: ContainerRemains;
  readonly link: ShimLink;
  /** Held by what changes the container's life as a whole: create, reconnect, cleanup, delete. */
  readonly lock: Lock;
}

/** Makes the parts for a bundle; `lost` is called when the connection to its shim breaks. */
export function makeParts(
  bundle: Bundle,
  context: ContainerContext,
  lost: () => void,
): ContainerParts {
  const mirror = new Mirror();
  const cgroup = new ContainerCgroup({ bundle, mirror, context, events: () => events });
  const events: ContainerEvents = new ContainerEvents({
    bundle,
    mirror,
    log: context.events,
    beforeExit: () => cgroup.look(),
    ack: (seq) => link.client?.ack(seq),
  });
  const remains = new ContainerRemains({ bundle, mirror, cgroup, context, events });
  const link: ShimLink = new ShimLink(bundle, context, {
    event: (event) => events.take(event),
    runtimeCall: (call) => context.onRuntimeCall(bundle.id, call),
    seen: () => events.shimSeq,
    lost,
  });
  return { bundle, context, mirror, cgroup, events, remains, link, lock: new Lock() };
}
