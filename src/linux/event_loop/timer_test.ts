// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { after, holdEventLoop, sleep } from "./timer.ts";

Deno.test("holdEventLoop: a signal listener is still heard while the event loop is held", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const heard = () => resolve();
  Deno.addSignalListener("SIGUSR2", heard);
  const script = `sleep 0.2; kill -USR2 ${Deno.pid}`;
  const sender = new Deno.Command("sh", { args: ["-c", script] }).spawn();
  sender.unref();
  {
    using _hold = holdEventLoop();
    await promise;
  }
  Deno.removeSignalListener("SIGUSR2", heard);
  sender.ref();
  await sender.status;
});

Deno.test("timer: a process ends by itself once the event loop is released", async () => {
  const program = `
    import { holdEventLoop } from ${JSON.stringify(import.meta.resolve("./timer.ts"))};
    const hold = holdEventLoop();
    Promise.resolve().then(() => hold[Symbol.dispose]());`;
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", program],
    stdin: "null",
    signal: AbortSignal.timeout(120_000),
  }).output();
  assert.equal(code, 0);
});

Deno.test("after: a callback comes in its time, and not once disposed of", async () => {
  const order: string[] = [];
  after(20, () => order.push("late"));
  after(1, () => order.push("early"));
  after(5, () => order.push("never"))[Symbol.dispose]();
  await sleep(60);
  assert.deepEqual(order, ["early", "late"]);
});

Deno.test("sleep: a sleep ends early when aborted", async () => {
  const controller = new AbortController();
  const sleeping = sleep(60_000, { signal: controller.signal });
  controller.abort(new Error("wake"));
  await assert.rejects(sleeping, /^Error: wake$/);
  await assert.rejects(sleep(1, { signal: controller.signal }), /^Error: wake$/);
});
