// SPDX-License-Identifier: MIT
import { kill } from "../../../src/linux/process/process.ts";
import { SIGKILL } from "../../../src/linux/process/signals.ts";
import { within } from "../../../tests/harness/poll.ts";
import type { DaemonEngine, Engine } from "../engine.ts";
import { SLEEP } from "../engine.ts";
import { inTurn } from "../row.ts";
import type { Measure } from "../row.ts";

/**
 * How long after an init process is killed, not by its engine but with kill(2), a subscriber gets
 * the event. The bare figure is when the kernel says on a pidfd that it has exited.
 */
export const exitEvent: Measure = async (bench) => {
  const waiting = new Map<string, () => void>();
  await using subscriptions = new AsyncDisposableStack();
  const subscribed = new Set<Engine>();
  for (const daemon of bench.daemons) {
    subscriptions.use(await subscribe(daemon, waiting));
    subscribed.add(daemon);
  }
  const samples = await inTurn(
    bench.engines,
    { count: bench.count(40, 3), warmUp: bench.count(5, 1) },
    async (engine) => {
      const id = bench.id();
      const pid = await engine.create(id, bench.spec(SLEEP));
      await engine.start(id);
      const event = Promise.withResolvers<void>();
      waiting.set(id, event.resolve);
      const seen = subscribed.has(engine) ? event.promise : engine.wait(id);
      const start = performance.now();
      kill(pid, SIGKILL);
      await within(`the exit event of ${id} of ${engine.name}`, seen);
      const elapsed = performance.now() - start;
      waiting.delete(id);
      await engine.delete(id);
      return elapsed;
    },
  );
  return [{
    title: "init killed → event at a subscriber",
    unit: "ms",
    better: "lower",
    target: { absolute: 5, containerd: 1 },
    samples,
    note: "bare: until the kernel says so on a pidfd",
  }];
};

function subscribe(engine: DaemonEngine, waiting: Map<string, () => void>): Promise<Disposable> {
  return engine.subscribe((id) => waiting.get(id)?.());
}
