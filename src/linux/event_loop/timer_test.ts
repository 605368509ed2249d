// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { heapInUse } from "../../../tests/harness/memory.ts";
import { after, EventLoopHold, sleep } from "./timer.ts";

Deno.test("EventLoopHold: a signal listener is still heard while the event loop is held", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const heard = () => resolve();
  Deno.addSignalListener("SIGUSR2", heard);
  const script = `sleep 0.2; kill -USR2 ${Deno.pid}`;
  const sender = new Deno.Command("sh", { args: ["-c", script] }).spawn();
  sender.unref();
  const hold = new EventLoopHold();
  hold.hold();
  await promise;
  hold.release();
  Deno.removeSignalListener("SIGUSR2", heard);
  sender.ref();
  await sender.status;
});

Deno.test("EventLoopHold: a process goes on while it is held, once more too, and then ends by itself", async () => {
  // 7: it still goes on after so many milliseconds, 0: it has ended by itself before.
  const run = async (calls: string, ms: number) => {
    const program = `
      import { EventLoopHold } from ${JSON.stringify(import.meta.resolve("./timer.ts"))};
      const hold = new EventLoopHold();
      Deno.unrefTimer(setTimeout(() => Deno.exit(7), ${ms}));
      ${calls}`;
    const { code } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", "--quiet", program],
      stdin: "null",
      signal: AbortSignal.timeout(120_000),
    }).output();
    return code;
  };
  assert.equal(await run("hold.hold();", 50), 7);
  // A machine that is busy may take its time to end it.
  assert.equal(await run("hold.hold(); hold.release();", 60_000), 0);
  assert.equal(await run("hold.hold(); hold.release(); hold.hold();", 50), 7);
});

Deno.test("EventLoopHold: one that was held and released often keeps nothing of that", () => {
  const hold = new EventLoopHold();
  const before = heapInUse();
  for (let count = 0; count < 20_000; count++) {
    hold.hold();
    hold.release();
  }
  const kept = heapInUse() - before;
  assert.ok(kept < 1e6, `${kept} bytes`);
});

Deno.test("after: a callback comes in its time, and not once disposed of", async () => {
  const order: string[] = [];
  await new Promise<void>((resolve) => {
    after(20, () => {
      order.push("late");
      resolve();
    });
    after(1, () => order.push("early"));
    after(5, () => order.push("never"))[Symbol.dispose]();
  });
  assert.deepEqual(order, ["early", "late"]);
});

Deno.test("sleep: a sleep ends early when aborted", async () => {
  const controller = new AbortController();
  const sleeping = sleep(60_000, { signal: controller.signal });
  controller.abort(new Error("wake"));
  await assert.rejects(sleeping, /^Error: wake$/);
  await assert.rejects(sleep(1, { signal: controller.signal }), /^Error: wake$/);
});
