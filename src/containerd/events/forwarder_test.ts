// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { yieldToEventLoop } from "../../linux/event_loop/yield.ts";
import { CODE, TtrpcError } from "../ttrpc/messages.ts";
import { Forwarder, type ForwarderOptions } from "./forwarder.ts";

const event = (topic: string, isAskedAbout = false) => ({
  ...{ topic, type: "t", value: new Uint8Array(), time: "", isAskedAbout },
});
const gone = () => new TtrpcError(CODE.unavailable, "gone");

/** A forwarder to a containerd that answers as `answer` says. */
function forwarder(
  answer: (topic: string) => void | Promise<void>,
  options: Pick<ForwarderOptions, "maxExits" | "askingMs"> = {},
) {
  const taken: string[] = [];
  const log: string[] = [];
  const made = new Forwarder({
    ...options,
    deliver: async ({ topic }) => {
      await answer(topic);
      taken.push(topic);
    },
    log: (level, message) => void log.push(`${level} ${message}`),
  });
  return { made, taken, log };
}

/** Number of events of which the log says that they were dropped. */
function dropped(log: readonly string[]): number {
  return log.filter((line) => /an event is dropped, too many wait/.test(line)).length;
}

Deno.test("Forwarder tells events one after another, and again what did not arrive", async () => {
  let tries = 0;
  const { made, taken } = forwarder(() => {
    if (++tries % 3 !== 0) throw gone();
  });
  for (const topic of ["a", "b", "c"]) made.push(event(topic));
  assert.ok(await made.flush(10_000));
  assert.deepEqual([taken, tries], [["a", "b", "c"], 9]);
});

Deno.test("Forwarder delivers in a later turn, after the answer to the call that made the event", async () => {
  const { made, taken } = forwarder(() => {});
  made.push(event("a"));
  // An answer takes some microtasks to be written.
  for (let n = 0; n < 100; n++) await undefined;
  assert.deepEqual(taken, []);
  assert.ok(await made.flush(10_000));
  assert.deepEqual(taken, ["a"]);
});

Deno.test("Forwarder tells of a start when containerd has had the time to ask about it, in order", async () => {
  const { made, taken } = forwarder(() => {}, { askingMs: 500 });
  made.push(event("start", true));
  made.push(event("exit"));
  // What is asked about it takes several turns.
  for (let turn = 0; turn < 3; turn++) await yieldToEventLoop();
  assert.deepEqual(taken, []);
  assert.ok(await made.flush(10_000));
  assert.deepEqual(taken, ["start", "exit"]);
});

Deno.test("Forwarder.push forwards an event that comes in the moment when the last one was taken", async () => {
  for (let later = 0; later < 10; later++) {
    const { made, taken } = forwarder(async (topic) => {
      await yieldToEventLoop();
      if (topic === "last") return;
      let moment = Promise.resolve();
      for (let count = 0; count < later; count++) moment = moment.then(() => {});
      void moment.then(() => made.push(event("last")));
    });
    made.push(event("first"));
    for (let turn = 0; turn < 10; turn++) await yieldToEventLoop();
    assert.ok(await made.flush(5000));
    assert.deepEqual(taken, ["first", "last"], `${later} microtasks later`);
  }
});

Deno.test("Forwarder.stop drops an event that waits to be told", async () => {
  const { made, taken, log } = forwarder(() => {});
  made.push(event("start", true));
  made.stop();
  assert.equal(await made.flush(5000), false);
  assert.deepEqual([taken, log.length], [[], 1]);
});

Deno.test("Forwarder keeps events while containerd is away, exits above all", async () => {
  let away = true;
  const { made, taken, log } = forwarder(() => {
    if (away) throw gone();
  });
  made.push(event("first"));
  for (let n = 0; n < 1000; n++) made.push(event("/tasks/exit"));
  for (let n = 0; n < 2000; n++) made.push(event("/tasks/paused"));
  assert.equal(3001 - dropped(log), 2048);
  assert.equal(await made.flush(1), false);
  away = false;
  assert.ok(await made.flush(10_000));
  assert.equal(taken.filter((topic) => topic === "/tasks/exit").length, 1000);
  assert.equal(taken[0], "first");
  assert.match(log.join("\n"), /too many wait/);
});

Deno.test("Forwarder drops no exit for other events, and of very many exits the oldest, each with a line", async () => {
  let away = true;
  const { made, taken, log } = forwarder(() => {
    if (away) throw gone();
  }, { maxExits: 2100 });
  made.push(event("first"));
  for (let n = 0; n < 2060; n++) made.push(event("/tasks/exit"));
  made.push(event("/tasks/paused"));
  assert.equal(2062 - dropped(log), 2061);
  assert.deepEqual(log.filter((line) => /exit/.test(line)), []);
  assert.equal(log.filter((line) => /too many wait: \/tasks\/paused/.test(line)).length, 1);
  for (let n = 2061; n < 2110; n++) made.push(event("/tasks/exit"));
  assert.equal(2111 - dropped(log), 2100);
  assert.equal(log.filter((line) => /too many wait: \/tasks\/exit/.test(line)).length, 10);
  away = false;
  assert.ok(await made.flush(20_000));
  assert.equal(taken.length, 2100);
});

Deno.test("Forwarder tries an exit that is refused for longer than other events", async () => {
  let tries = 0;
  const { made, taken } = forwarder(() => {
    if (++tries <= 6) throw new TtrpcError(CODE.unknown, "not now");
  });
  made.push(event("/tasks/exit"));
  assert.ok(await made.flush(20_000));
  assert.deepEqual([taken, tries], [["/tasks/exit"], 7]);
});

Deno.test("Forwarder takes an answer that containerd is unavailable for no refusal", async () => {
  let tries = 0;
  const { made, taken, log } = forwarder(() => {
    if (++tries <= 5) throw gone();
  });
  made.push(event("/tasks/start"));
  assert.ok(await made.flush(20_000));
  assert.deepEqual([taken, tries], [["/tasks/start"], 6]);
  assert.deepEqual(log.filter((line) => /dropped/.test(line)), []);
});

Deno.test("Forwarder gives up an event that is refused, not those behind it", async () => {
  const { made, taken } = forwarder((topic) => {
    if (topic === "bad") throw new TtrpcError(CODE.invalidArgument, "no");
  });
  for (const topic of ["bad", "good"]) made.push(event(topic));
  assert.ok(await made.flush(10_000));
  assert.deepEqual(taken, ["good"]);
});

Deno.test("Forwarder gives up an exit soon that can never be taken, not those behind it", async () => {
  let tries = 0;
  let code = CODE.invalidArgument;
  const { made, taken } = forwarder(() => {
    if (tries++ < 5) throw new TtrpcError(code, "no");
  });
  for (code of [CODE.invalidArgument, CODE.unimplemented]) {
    tries = 0;
    for (let n = 0; n < 2; n++) made.push(event("/tasks/exit"));
    assert.ok(await made.flush(20_000));
    assert.equal(tries, 6);
  }
  assert.equal(taken.length, 2);
});

Deno.test("Forwarder.stop ends the tries", async () => {
  const { made, log } = forwarder(() => {
    throw gone();
  });
  const first = event("a");
  made.push(first);
  made.stop();
  await made.flush(5000);
  assert.ok(made.holds(first));
  assert.deepEqual(log, ["error an event is dropped, the shim ends: a"]);
});
