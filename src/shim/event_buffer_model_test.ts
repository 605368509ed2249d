// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import fc from "fast-check";
import type { ShimEvent } from "../rpc/contract/shim.ts";
import { EventBuffer } from "./event_buffer.ts";

/**
 * What must be true of a buffer: every event, how many are acknowledged, and what each listener
 * got.
 */
interface Model {
  /** Pid of each event, by its number less one: here only a mark. */
  published: number[];
  acknowledged: number;
  listeners: { readonly got: number[][]; readonly expected: number[][]; stop(): void }[];
}

type Step = (buffer: EventBuffer, model: Model) => void;

const pairs = (model: Model, above: number) =>
  model.published.map((pid, index) => [index + 1, pid]).filter(([seq = 0]) => seq > above);

const publish = fc.nat().map((pid): Step => (buffer, model) => {
  buffer.publish({ type: "start", pid });
  model.published.push(pid);
  for (const { expected } of model.listeners) expected.push([model.published.length, pid]);
});

/** A number from a bit below the first event to a bit above the last one. */
const number = fc.double({ min: 0, max: 1, noNaN: true });
const near = (model: Model, part: number) => Math.round(part * (model.published.length + 2));

const subscribe = number.map((part): Step => (buffer, model) => {
  const after = near(model, part);
  const got: number[][] = [];
  const subscription = buffer.subscribe(after, {
    event: ({ seq, pid }) => void got.push([seq, pid]),
  });
  model.listeners.push({
    got,
    // Events are forgotten for everybody.
    expected: pairs(model, Math.max(after, model.acknowledged)),
    stop: () => subscription[Symbol.dispose](),
  });
});

const unsubscribe = fc.nat().map((which): Step => (_, model) => {
  if (model.listeners.length === 0) return;
  const [gone] = model.listeners.splice(which % model.listeners.length, 1);
  gone?.stop();
  assert.deepEqual(gone?.got, gone?.expected);
});

const ack = number.map((part): Step => (buffer, model) => {
  const seq = Math.min(near(model, part), model.published.length);
  buffer.ack(seq);
  model.acknowledged = Math.max(model.acknowledged, seq);
});

const steps = fc.array(
  fc.oneof(
    { arbitrary: publish, weight: 4 },
    { arbitrary: subscribe, weight: 2 },
    { arbitrary: unsubscribe, weight: 1 },
    { arbitrary: ack, weight: 2 },
  ),
  { maxLength: 60, size: "max" },
);

Deno.test("EventBuffer: each listener gets every event that is not acknowledged once, in order", () => {
  fc.assert(
    fc.property(steps, (steps) => {
      const buffer = new EventBuffer();
      const model: Model = { published: [], acknowledged: 0, listeners: [] };
      for (const step of steps) {
        step(buffer, model);
        assert.equal(buffer.latest, model.published.length);
        assert.equal(buffer.next(), model.published.length + 1);
        for (const { got, expected } of model.listeners) assert.deepEqual(got, expected);
      }
      const kept: number[][] = [];
      buffer.subscribe(0, { event: ({ seq, pid }) => void kept.push([seq, pid]) });
      assert.deepEqual(kept, pairs(model, model.acknowledged));
    }),
    { numRuns: 300 },
  );
});

Deno.test("EventBuffer: across shims a daemon gets each event once, wherever the first one died", () => {
  const life = fc.record({
    // How many events the dead shim has published, has been able to record the number of, and how
    // many of them the daemon has.
    before: fc.nat({ max: 12 }),
    unnumbered: fc.nat({ max: 3 }),
    has: fc.nat({ max: 12 }),
    later: fc.nat({ max: 5 }),
  });
  fc.assert(
    fc.property(life, ({ before, unnumbered, has, later }) => {
      const after = Math.min(has, before);
      const buffer = new EventBuffer();
      buffer.pause();
      for (let was = 1; was <= before; was++) buffer.publish({ type: "start", pid: was }, was);
      // What has happened while no shim was there never had a number.
      for (let count = 1; count <= unnumbered; count++) {
        buffer.publish({ type: "exit", pid: before + count });
      }
      assert.equal(buffer.next(), undefined);
      const got: ShimEvent[] = [];
      buffer.subscribe(after, { event: (event) => void got.push(event) });
      for (let count = 1; count <= later; count++) {
        buffer.publish({ type: "exit", pid: before + unnumbered + count });
      }
      const total = before + unnumbered + later;
      const rest = Array.from({ length: total - after }, (_, index) => after + index + 1);
      assert.deepEqual(got.map(({ seq }) => seq), rest);
      assert.deepEqual(got.map(({ pid }) => pid), rest);
    }),
  );
});
