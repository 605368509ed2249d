// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { until } from "../../tests/harness/poll.ts";
import { isMachineGoingDown, stopAtShutdown } from "./shutdown.ts";
import { TestArea, type TestContainer, type TestService } from "./testing/bundle_testing.ts";

/** Starts a container that sees to a signal; it has done so once this returns. */
async function trapping(
  area: TestArea,
  trap: string,
  record: TestContainer["record"] = {},
): Promise<TestService> {
  const stdout = `${area.dir}/out-${crypto.randomUUID()}`;
  const test = area.service({
    args: ["/bin/sh", "-c", `trap ${trap}; echo up; while :; do sleep 0.05; done`],
    stdio: { stdout: `file://${stdout}` },
    record,
  });
  await test.service.create();
  await test.service.start();
  await until("the trap", () => Deno.readTextFileSync(stdout) === "up\n");
  return test;
}

Deno.test("isMachineGoingDown: not while the machine runs", () => {
  assert.equal(isMachineGoingDown(), false);
});

Deno.test("stopAtShutdown: by the container's own signal and time, whatever its state", async () => {
  await using area = new TestArea();
  const long = { stopTimeout: 1000 };
  const own = await trapping(area, "'exit 5' USR1", { ...long, stopSignal: "SIGUSR1" });
  // As systemd does it to every process.
  const term = await trapping(area, "'exit 6' TERM", long);
  await term.service.processes.kill({ signal: "TERM" });
  const never = await trapping(area, "'exit 7' USR1", { stopTimeout: -1, stopSignal: "USR1" });
  const paused = await trapping(area, "'exit 8' USR1", { ...long, stopSignal: "USR1" });
  await paused.service.pause();
  const deaf = await trapping(area, "'' TERM", { stopTimeout: 0.1 });
  const unknown = await trapping(area, "'' TERM", { stopTimeout: 0.1, stopSignal: "NOSUCH" });
  const created = area.service({ record: long });
  await created.service.create();
  const all = [own, term, never, paused, deaf, unknown, created];
  await Promise.all(all.map(({ service }) => stopAtShutdown(service)));
  const statuses = () => all.map(({ service }) => service.state().exitStatus);
  assert.deepEqual(statuses(), [5, 6, 7, 8, 137, 137, 137]);
  // Again, as of one that has ended before.
  await Promise.all(all.map(({ service }) => stopAtShutdown(service)));
  assert.deepEqual(statuses(), [5, 6, 7, 8, 137, 137, 137]);
  const { service } = area.service();
  await stopAtShutdown(service);
  assert.equal(service.state().status, "none");
});
