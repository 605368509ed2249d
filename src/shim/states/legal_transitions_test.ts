// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { IllegalTransitionError } from "../../illegal_transition.ts";
import type { ExecEvent, ExecProcessState } from "./exec_states.ts";
import { EXEC_LIFECYCLE } from "./exec_states.ts";
import type { InitEvent, InitState } from "./init_states.ts";
import { INIT_LIFECYCLE } from "./init_states.ts";
import type { Lifecycle } from "./state_machine.ts";
import { StateMachine } from "./state_machine.ts";

const EXIT = { exitStatus: 3, exitedAt: "2026-01-01T00:00:00.000Z" };

const INIT_STATES: { readonly [N in InitState["name"]]: InitState & { readonly name: N } } = {
  none: { name: "none" },
  creating: { name: "creating" },
  created: { name: "created", pid: 7 },
  running: { name: "running", pid: 7 },
  paused: { name: "paused", pid: 7 },
  stopped: { name: "stopped", pid: 7, exit: EXIT },
  deleted: { name: "deleted", pid: 7, exit: EXIT },
};

const INIT_EVENTS: { readonly [T in InitEvent["type"]]: InitEvent & { readonly type: T } } = {
  create: { type: "create" },
  created: { type: "created", pid: 8 },
  "create-failed": { type: "create-failed" },
  restored: { type: "restored", pid: 8 },
  started: { type: "started" },
  paused: { type: "paused" },
  resumed: { type: "resumed" },
  exited: { type: "exited", exit: EXIT },
  deleted: { type: "deleted" },
};

/** Written by hand, and not from the table: where each legal event leads. */
const INIT_LEGAL: readonly string[] = [
  "none: create leads to creating",
  "creating: created leads to created",
  "creating: create-failed leads to none",
  "created: restored leads to created",
  "created: started leads to running",
  "created: exited leads to stopped",
  "running: paused leads to paused",
  "running: exited leads to stopped",
  "paused: resumed leads to running",
  "paused: exited leads to stopped",
  "stopped: started leads to stopped",
  "stopped: deleted leads to deleted",
];

const EXEC_STATES: {
  readonly [N in ExecProcessState["name"]]: ExecProcessState & { readonly name: N };
} = {
  created: { name: "created" },
  starting: { name: "starting" },
  running: { name: "running", pid: 7 },
  stopped: { name: "stopped", pid: 7, exit: EXIT },
  deleted: { name: "deleted" },
};

const EXEC_EVENTS: { readonly [T in ExecEvent["type"]]: ExecEvent & { readonly type: T } } = {
  start: { type: "start" },
  started: { type: "started", pid: 8 },
  "start-failed": { type: "start-failed" },
  exited: { type: "exited", exit: EXIT },
  deleted: { type: "deleted" },
};

/** Written by hand, and not from the table: where each legal event leads. */
const EXEC_LEGAL: readonly string[] = [
  "created: start leads to starting",
  "created: deleted leads to deleted",
  "starting: started leads to running",
  "starting: start-failed leads to created",
  "running: exited leads to stopped",
  "stopped: deleted leads to deleted",
];

/** Has each event happen in each state, and returns what was not refused. */
function taken<S extends { readonly name: string }, E extends { readonly type: string }>(
  lifecycle: Lifecycle<S, E>,
  states: readonly S[],
  events: readonly E[],
): string[] {
  return states.flatMap((initial) =>
    events.flatMap((event) => {
      const machine = new StateMachine({ ...lifecycle, initial }, "it", () => {});
      try {
        machine.transition(event);
        return [`${initial.name}: ${event.type} leads to ${machine.state.name}`];
      } catch (error) {
        if (error instanceof IllegalTransitionError) return [];
        // It was not refused, but leads to a state of which too little is known.
        return [`${initial.name}: ${event.type}: ${error}`];
      }
    })
  );
}

Deno.test("INIT_LIFECYCLE: each event is refused in each state where it is not legal", () => {
  const found = taken(INIT_LIFECYCLE, Object.values(INIT_STATES), Object.values(INIT_EVENTS));
  assert.deepEqual(found.sort(), INIT_LEGAL.toSorted());
});

Deno.test("EXEC_LIFECYCLE: each event is refused in each state where it is not legal", () => {
  const found = taken(EXEC_LIFECYCLE, Object.values(EXEC_STATES), Object.values(EXEC_EVENTS));
  assert.deepEqual(found.sort(), EXEC_LEGAL.toSorted());
});
