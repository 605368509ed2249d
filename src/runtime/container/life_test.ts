// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import type { ShimStatus } from "../../rpc/contract/schemas.ts";
import { DeadlineExceededError, UnavailableError } from "../../rpc/errors.ts";
import type { ShimClient } from "../shims/shim_client.ts";
import { IllegalTransitionError } from "../../illegal_transition.ts";
import {
  type Action,
  type BeginPhase,
  isLegal,
  type Phase,
  TRANSITIONS,
} from "../states/life_states.ts";
import { CapturedLog } from "../util/log_testing.ts";
import { ContainerLife } from "./life.ts";

/** The model: by action, which phases it may come in, and where it leads. */
const MODEL: Readonly<Record<Action, { readonly [from in Phase]?: Phase }>> = {
  connect: { creating: "creating", connecting: "connecting" },
  // To live only with a connection: see `step`.
  "finish-create": { creating: "live" },
  lose: { creating: "creating", connecting: "connecting", live: "connecting" },
  reconnect: { connecting: "connecting", unresponsive: "connecting" },
  "take-over": { connecting: "live" },
  "give-up": { connecting: "unresponsive", live: "unresponsive", unresponsive: "unresponsive" },
  delete: {
    creating: "deleting",
    connecting: "deleting",
    live: "deleting",
    resting: "deleting",
  },
  detach: { deleting: "deleting" },
  destroy: {
    creating: "cleaning-up",
    connecting: "cleaning-up",
    live: "cleaning-up",
    unresponsive: "cleaning-up",
    deleting: "cleaning-up",
    "cleaning-up": "cleaning-up",
  },
  release: { deleting: "gone", "cleaning-up": "gone" },
};

/** What clients see of the shim in each phase; while creating, once it is connected, that it is. */
const STATUS: Readonly<Record<Phase, ShimStatus>> = {
  creating: "connecting",
  connecting: "connecting",
  live: "connected",
  unresponsive: "unavailable",
  deleting: "gone",
  "cleaning-up": "gone",
  resting: "none",
  gone: "gone",
};

/** A connection of which only its end matters. */
class FakeClient {
  readonly #closed = Promise.withResolvers<void>();
  readonly closed = this.#closed.promise;
  isClosed = false;

  close(): void {
    this.isClosed = true;
    this.#closed.resolve();
  }

  get asClient(): ShimClient {
    // No fake can have the private members of a ShimClient.
    return this as unknown as ShimClient;
  }
}

function begin(phase: BeginPhase) {
  const stop = new AbortController();
  const life = new ContainerLife({ id: "c", begin: phase, shimPid: 0, stopping: stop.signal });
  return { life, stop };
}

const ACTIONS = Object.keys(MODEL) as Action[];
const RESULT = { pid: 7, exitStatus: 3, exitedAt: "2026-01-01T00:00:00.000Z" };

/** A way to each phase: where it begins, and what happens then. */
const WAYS: readonly (readonly [BeginPhase, readonly Action[]])[] = [
  ["creating", []],
  ["creating", ["connect"]],
  ["connecting", []],
  ["connecting", ["connect"]],
  ["creating", ["connect", "finish-create"]],
  ["connecting", ["give-up"]],
  ["creating", ["delete"]],
  ["creating", ["destroy"]],
  ["creating", ["destroy", "release"]],
  ["resting", []],
];

/** Each action in each phase. */
const EXAMPLES = WAYS.flatMap(([first, way]) =>
  ACTIONS.map((action): [BeginPhase, Action[]] => [first, [...way, action]])
);

Deno.test("TRANSITIONS: each action leads from each phase only where the model says", () => {
  for (const phase of Object.keys(TRANSITIONS) as Phase[]) {
    for (const action of ACTIONS) {
      const next = MODEL[action][phase];
      const expected = next === undefined ? [] : [next];
      // The connection may have broken during the create.
      if (action === "finish-create" && phase === "creating") expected.push("connecting");
      assert.deepEqual(TRANSITIONS[phase][action] ?? [], expected, `${action} while ${phase}`);
    }
  }
});

Deno.test("isLegal: an action leads to the phases that the table names, and to no other", () => {
  const phases = Object.keys(TRANSITIONS) as Phase[];
  for (const from of phases) {
    for (const action of ACTIONS) {
      const legal = phases.filter((to) => isLegal(from, action, to));
      const expected = phases.filter((to) => TRANSITIONS[from][action]?.includes(to));
      assert.deepEqual(legal, expected, `${action} while ${from}`);
    }
  }
  assert.equal(isLegal("creating", "finish-create", "gone"), false);
});

/** Lets promises settle that are settled by what was just done. */
const turn = () => new Promise((resolve) => setTimeout(resolve));

Deno.test("ContainerLife: whatever happens, it goes as the model says, and nothing else is done", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom<BeginPhase[]>("creating", "connecting", "resting"),
      fc.array(fc.constantFrom(...ACTIONS), { maxLength: 25, size: "max" }),
      async (first, actions) => {
        const { life } = begin(first);
        let phase: Phase = first;
        let client: FakeClient | undefined;
        let lost = 0;
        let expectedLost = 0;
        life.onLost(() => lost++);
        for (const action of actions) {
          const before = life.state;
          const isConnected: boolean = phase === "creating" && client !== undefined;
          assert.equal(life.shimStatus, isConnected ? "connected" : STATUS[phase]);
          let next: Phase | undefined = MODEL[action][phase];
          const loses = action === "lose" && client !== undefined;
          if (action === "lose" && !loses) continue;
          if (action === "take-over" && phase === "connecting" && client === undefined) {
            assert.throws(() => life.takeOver(new FakeClient().asClient), UnavailableError);
            continue;
          }
          if (action === "finish-create" && phase === "creating" && client === undefined) {
            next = "connecting";
            expectedLost++;
          }
          if (loses && phase === "live") expectedLost++;
          const connected = action === "connect" ? new FakeClient() : client;
          const act = () => {
            switch (action) {
              case "connect":
                return life.connect({ client: connected!.asClient, pid: 5 });
              case "finish-create":
                return life.finishCreate();
              case "lose":
                return client?.close();
              case "reconnect":
                return void life.reconnect();
              case "take-over":
                return life.takeOver((client ?? new FakeClient()).asClient);
              case "give-up":
                return life.giveUp(new Error("no answer"));
              case "delete":
                return life.delete(RESULT);
              case "detach":
                return life.detach();
              case "destroy":
                return life.destroy();
              case "release":
                return life.release(RESULT);
            }
          };
          if (next === undefined) {
            if (action === "lose") {
              act();
            } else if (action === "take-over") {
              assert.throws(act);
            } else {
              assert.throws(act, IllegalTransitionError);
            }
            await turn();
            assert.deepEqual(life.state, before, `${action} while ${phase} changes nothing`);
            continue;
          }
          act();
          await turn();
          assert.equal(life.phase, next, `${action} while ${phase}`);
          if (action === "connect") client = connected;
          else if (["lose", "reconnect", "give-up", "destroy", "release"].includes(action)) {
            if (action !== "lose" && client !== undefined) {
              assert.ok(client.isClosed, `${action} leaves the old connection open`);
            }
            client = undefined;
          } else if (action === "delete") client = undefined;
          phase = next;
          assert.equal(life.client, client?.asClient);
          assert.equal(life.isEnding, ["deleting", "cleaning-up", "gone"].includes(phase));
        }
        assert.equal(lost, expectedLost);
      },
    ),
    { numRuns: 300 + EXAMPLES.length, examples: EXAMPLES },
  );
});

Deno.test("ContainerLife: a wait for the connection ends with whatever comes of it", async () => {
  for (const end of ["take-over", "give-up", "delete", "destroy"] as const) {
    const { life } = begin("connecting");
    const client = new FakeClient().asClient;
    life.connect({ client, pid: 5 });
    let settled = false;
    const waiting = life.settled(60_000).then(() => settled = true);
    await turn();
    assert.equal(settled, false);
    if (end === "take-over") life.takeOver(client);
    if (end === "give-up") life.giveUp(new Error("no answer"));
    if (end === "delete") life.delete(undefined);
    if (end === "destroy") life.destroy();
    assert.ok(await isDone(waiting), `not by its time-out: ${end}`);
  }
});

/** Returns whether `waiting` is done once what is under way has settled. */
async function isDone(waiting: Promise<unknown>): Promise<boolean> {
  let done = false;
  void waiting.then(() => done = true);
  await turn();
  return done;
}

Deno.test("ContainerLife.settled: a wait outlasts each attempt, and begins anew with a lost connection", async () => {
  const { life } = begin("creating");
  const client = new FakeClient();
  await life.settled(0);
  life.connect({ client: client.asClient, pid: 5 });
  life.finishCreate();
  client.close();
  await turn();
  assert.equal(life.phase, "connecting");
  const first = life.settled(60_000);
  assert.equal(await isDone(first), false);
  life.reconnect();
  const second = life.settled(60_000);
  assert.equal(await isDone(Promise.race([first, second])), false);
  life.giveUp(new Error("no answer"));
  assert.ok(await isDone(Promise.all([first, second])), "not by their time-outs");
  life.reconnect();
  await life.settled(1);
  assert.equal(life.phase, "connecting", "a wait is bounded");
});

/** Returns what is logged while `act` runs. */
function logOf(act: () => void): string[] {
  using log = new CapturedLog();
  act();
  return log.lines;
}

Deno.test("ContainerLife: an illegal transition is logged, whatever its caller does with the error", () => {
  const { life } = begin("connecting");
  assert.deepEqual(logOf(() => assert.throws(() => life.release(RESULT), IllegalTransitionError)), [
    "error berth.container: c: container c: illegal transition: release to gone while connecting",
  ]);
});

Deno.test("ContainerLife.giveUp: a reason is logged once, and again when the shim was there in between", () => {
  const { life } = begin("connecting");
  const line = (reason: string) => `warning berth.shim: c: its shim does not answer: ${reason}`;
  const giveUp = (reason: string) => logOf(() => life.giveUp(new Error(reason)));
  assert.deepEqual(giveUp("slow"), [line("slow")]);
  assert.deepEqual(giveUp("slow"), []);
  assert.deepEqual(giveUp("slower"), [line("slower")]);
  const client = new FakeClient().asClient;
  life.reconnect();
  life.connect({ client, pid: 5 });
  life.takeOver(client);
  assert.deepEqual(giveUp("slower"), [line("slower")]);
});

Deno.test("ContainerLife.cancelConnect: it cancels the attempt that is under way, and nothing else", async () => {
  const { life } = begin("connecting");
  assert.equal(life.shimPid, 0);
  const first = life.reconnect();
  const second = life.reconnect();
  life.connect({ client: new FakeClient().asClient, pid: 5 });
  life.cancelConnect();
  assert.equal(first.aborted, false);
  assert.ok(second.reason instanceof UnavailableError);
  assert.equal(life.shimPid, 5);
  // A connection that breaks does not end the attempt that made it.
  const third = life.reconnect();
  const broken = new FakeClient();
  life.connect({ client: broken.asClient, pid: 5 });
  broken.close();
  await turn();
  life.cancelConnect();
  assert.ok(third.reason instanceof UnavailableError);
  life.giveUp(new Error("no answer"));
  life.cancelConnect();
  assert.equal(life.phase, "unresponsive");
});

Deno.test("ContainerLife.unreachable: the error says why there is no connection, and what to do", () => {
  const told = (life: ContainerLife) => {
    const { kind, message, data } = life.unreachable();
    return [kind, message.replace("container c", ""), data["shim"]];
  };
  assert.deepEqual(told(begin("resting").life), [
    ...["FailedPrecondition", " is stopped: start it first", undefined],
  ]);
  const { life } = begin("connecting");
  assert.deepEqual(told(life), [
    ...["Unavailable", ": its shim is not connected yet; try again in a moment", "connecting"],
  ]);
  for (
    const [error, kind] of [
      [new DeadlineExceededError("slow"), "DeadlineExceeded"],
      [new UnavailableError("slow"), "Unavailable"],
    ] as const
  ) {
    life.giveUp(error);
    const why = ": its shim does not answer (slow); delete it with force to remove it";
    assert.deepEqual(told(life), [kind, why, "unavailable"]);
  }
  life.destroy();
  assert.deepEqual(told(life), [
    ...["Unavailable", ": its shim is gone and it is being cleaned up", "gone"],
  ]);
});

Deno.test("ContainerLife: a connection that ends as the daemon stops changes nothing", async () => {
  const { life, stop } = begin("creating");
  const client = new FakeClient();
  life.connect({ client: client.asClient, pid: 5 });
  life.finishCreate();
  life.onLost(() => assert.fail("it was told"));
  stop.abort();
  client.close();
  await turn();
  assert.equal(life.phase, "live");
});

Deno.test("ContainerLife: a delete that is tried again has the shim's result", () => {
  const { life } = begin("creating");
  life.connect({ client: new FakeClient().asClient, pid: 5 });
  life.finishCreate();
  life.delete(RESULT);
  assert.deepEqual(life.state.phase === "deleting" && life.state.result, RESULT);
  const hasShim = () => life.state.phase === "deleting" && life.state.shim !== undefined;
  assert.equal(hasShim(), true);
  life.detach();
  assert.deepEqual(life.state.phase === "deleting" && life.state.result, RESULT);
  // A delete that is tried again does not have the shim leave twice.
  assert.equal(hasShim(), false);
  life.release(RESULT);
  assert.deepEqual(life.state.phase === "gone" && life.state.result, RESULT);
});
