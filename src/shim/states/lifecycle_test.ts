// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import type { ExecEvent, ExecProcessState } from "./exec_states.ts";
import { EXEC_LIFECYCLE } from "./exec_states.ts";
import type { InitEvent, InitRequest, InitState } from "./init_states.ts";
import { accepts, INIT_LIFECYCLE } from "./init_states.ts";
import { IllegalTransitionError } from "../../illegal_transition.ts";
import { StateMachine } from "./state_machine.ts";

/*
 * The models say what has happened to a process, in facts and not in states: they know nothing of the
 * tables that they are compared with.
 */

/** What is true of a container. */
interface Container {
  creating: boolean;
  /** Its init was made, or a restore is going to make it. */
  made: boolean;
  /** Somebody has said that it was started. */
  started: boolean;
  frozen: boolean;
  ended: boolean;
  removed: boolean;
  pid: number | undefined;
  startedAt: string | undefined;
}

/** When an event can happen to a container, and what is true after it. */
const INIT_EVENTS: {
  readonly [T in InitEvent["type"]]: {
    can(model: Container): boolean;
    happen(model: Container, event: InitEvent & { readonly type: T }): void;
  };
} = {
  create: {
    can: (model) => !model.creating && !model.made,
    happen: (model) => void (model.creating = true),
  },
  created: {
    can: (model) => model.creating,
    happen: (model, { pid }) => void Object.assign(model, { creating: false, made: true, pid }),
  },
  "create-failed": {
    can: (model) => model.creating,
    happen: (model) => void (model.creating = false),
  },
  restored: {
    can: (model) => model.made && !model.started && !model.ended,
    happen: (model, { pid }) => void (model.pid = pid),
  },
  started: {
    // What has ended may be said to have been started later: the runtime is slow.
    can: (model) => model.made && !model.removed && (model.ended || !model.started),
    happen: (model, { startedAt }) => {
      model.started = true;
      model.startedAt = startedAt ?? model.startedAt;
    },
  },
  paused: {
    can: (model) => model.started && !model.frozen && !model.ended,
    happen: (model) => void (model.frozen = true),
  },
  resumed: {
    can: (model) => model.frozen && !model.ended,
    happen: (model) => void (model.frozen = false),
  },
  exited: {
    can: (model) => model.made && !model.ended,
    happen: (model) => void (model.ended = true),
  },
  deleted: {
    can: (model) => model.ended && !model.removed,
    happen: (model) => void (model.removed = true),
  },
};

/** When a request is accepted. */
const REQUESTS: { readonly [R in InitRequest]: (model: Container) => boolean } = {
  create: (model) => !model.creating && !model.made,
  start: (model) => model.made && !model.started && !model.ended,
  pause: (model) => model.started && !model.frozen && !model.ended,
  resume: (model) => model.frozen && !model.ended,
  exec: (model) => model.started && !model.frozen && !model.ended,
  update: (model) => model.made && !model.ended,
  checkpoint: (model) => model.started && !model.ended,
  delete: (model) => model.made && (!model.started || model.ended),
};

function statusOf(model: Container): InitState["name"] {
  if (model.removed) return "deleted";
  if (model.ended) return "stopped";
  if (model.frozen) return "paused";
  if (model.started) return "running";
  if (model.made) return "created";
  return model.creating ? "creating" : "none";
}

const instant = fc.date({ noInvalidDate: true }).map((date) => date.toISOString());
const exit = fc.record({ exitStatus: fc.integer({ min: 0, max: 255 }), exitedAt: instant });
const pid = fc.integer({ min: 1, max: 2 ** 22 });

const initEvent: fc.Arbitrary<InitEvent> = fc.oneof(
  fc.constantFrom<InitEvent[]>(
    { type: "create" },
    { type: "create-failed" },
    { type: "started" },
    { type: "paused" },
    { type: "resumed" },
    { type: "deleted" },
  ),
  pid.map((pid): InitEvent => ({ type: "created", pid })),
  pid.map((pid): InitEvent => ({ type: "restored", pid })),
  instant.map((startedAt): InitEvent => ({ type: "started", startedAt })),
  exit.map((exit): InitEvent => ({ type: "exited", exit })),
);

/**
 * Random events alone seldom get far in a life, so that half of them are tried only where the model
 * says that they can happen.
 */
interface Try<E> {
  readonly event: E;
  readonly legalOnly: boolean;
}

function tries<E>(event: fc.Arbitrary<E>): fc.Arbitrary<Try<E>[]> {
  return fc.array(fc.record({ event, legalOnly: fc.boolean() }), {
    minLength: 1,
    maxLength: 60,
    size: "max",
  });
}

/** Has `event` happen; it must be refused, logged and change nothing exactly if it is illegal. */
function step<S extends { readonly name: string }, E extends { readonly type: string }>(
  machine: StateMachine<S, E>,
  event: E,
  legal: boolean,
  log: string[],
): void {
  const before = machine.state;
  log.length = 0;
  if (legal) {
    machine.transition(event);
    assert.deepEqual(log, []);
    return;
  }
  assert.throws(() => machine.transition(event), IllegalTransitionError);
  assert.deepEqual(log, [`it: illegal transition: ${event.type} while ${before.name}`]);
  assert.equal(machine.state, before);
}

const AT = "2026-01-01T00:00:00.000Z";
const EXIT: InitEvent = { type: "exited", exit: { exitStatus: 3, exitedAt: AT } };

/** Lives that random events may miss: between them they take every way of the table. */
const LIVES: readonly (readonly InitEvent[])[] = [
  [
    { type: "create" },
    { type: "create-failed" },
    { type: "create" },
    { type: "created", pid: 7 },
    { type: "restored", pid: 8 },
    { type: "started", startedAt: AT },
    { type: "paused" },
    { type: "resumed" },
    EXIT,
    { type: "deleted" },
  ],
  [{ type: "create" }, { type: "created", pid: 7 }, EXIT, { type: "started" }, { type: "deleted" }],
  [
    { type: "create" },
    { type: "created", pid: 7 },
    { type: "started" },
    { type: "paused" },
    EXIT,
    { type: "deleted" },
  ],
];

Deno.test("INIT_LIFECYCLE: a container has the state that what has happened to it says", () => {
  fc.assert(
    fc.property(tries(initEvent), (events) => {
      const log: string[] = [];
      const machine = new StateMachine<InitState, InitEvent>(
        INIT_LIFECYCLE,
        "it",
        (line) => void log.push(line),
      );
      const model: Container = {
        creating: false,
        made: false,
        started: false,
        frozen: false,
        ended: false,
        removed: false,
        pid: undefined,
        startedAt: undefined,
      };
      let exit: unknown;
      for (const { event, legalOnly } of events) {
        const legal = INIT_EVENTS[event.type].can(model);
        if (legalOnly && !legal) continue;
        step(machine, event, legal, log);
        if (legal) {
          // The event is of the type whose rule it is given to.
          (INIT_EVENTS[event.type].happen as (model: Container, event: InitEvent) => void)(
            model,
            event,
          );
          if (event.type === "exited") exit = event.exit;
        }
        const status = statusOf(model);
        assert.deepEqual(machine.state, {
          name: status,
          ...(model.made ? { pid: model.pid } : {}),
          ...(model.startedAt === undefined ? {} : { startedAt: model.startedAt }),
          ...(model.ended ? { exit } : {}),
        });
        for (const [request, can] of Object.entries(REQUESTS)) {
          assert.equal(
            accepts(machine.state.name, request as InitRequest),
            can(model),
            `${request} while ${status}`,
          );
        }
      }
    }),
    {
      numRuns: 500,
      examples: LIVES.map((life) => [life.map((event) => ({ event, legalOnly: false }))]),
    },
  );
});

const execEvent: fc.Arbitrary<ExecEvent> = fc.oneof(
  fc.constantFrom<ExecEvent[]>({ type: "start" }, { type: "start-failed" }, { type: "deleted" }),
  pid.map((pid): ExecEvent => ({ type: "started", pid })),
  exit.map((exit): ExecEvent => ({ type: "exited", exit })),
);

Deno.test("EXEC_LIFECYCLE: an exec has the state that what has happened to it says", () => {
  fc.assert(
    fc.property(tries(execEvent), (events) => {
      const log: string[] = [];
      const machine = new StateMachine<ExecProcessState, ExecEvent>(
        EXEC_LIFECYCLE,
        "it",
        (line) => void log.push(line),
      );
      const model = { starting: false, begun: false, ended: false, gone: false };
      let known: unknown = { name: "created" };
      for (const { event, legalOnly } of events) {
        const can = {
          start: !model.starting && !model.begun && !model.gone,
          started: model.starting,
          "start-failed": model.starting,
          exited: model.begun && !model.ended,
          deleted: (model.begun ? model.ended : !model.starting) && !model.gone,
        };
        const legal = can[event.type];
        if (legalOnly && !legal) continue;
        step(machine, event, legal, log);
        if (!legal) continue;
        switch (event.type) {
          case "start":
            model.starting = true;
            known = { name: "starting" };
            break;
          case "started":
            Object.assign(model, { starting: false, begun: true });
            known = { name: "running", pid: event.pid };
            break;
          case "start-failed":
            model.starting = false;
            known = { name: "created" };
            break;
          case "exited":
            model.ended = true;
            known = { ...known as object, name: "stopped", exit: event.exit };
            break;
          case "deleted":
            model.gone = true;
            known = { name: "deleted" };
        }
        assert.deepEqual(machine.state, known);
      }
    }),
    { numRuns: 300 },
  );
});
