// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { SIGTERM } from "../../src/linux/process/signals.ts";
import { cli, cliCommand, rootfsArgs } from "../harness/cli.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { EventCollector } from "../harness/events.ts";
import { audited } from "../harness/leaks/audited.ts";
import { until, within } from "../harness/poll.ts";
import { hasTrap, isGone } from "../harness/processes.ts";

const NO_SHIM = { config: "[runtime]\nno_shim = true" };

for (const how of ["stop", "kill9"] as const) {
  Deno.test(`no shim restart: with no_shim a container goes on through a ${how} of the daemon and is used after it`, async () => {
    await audited(async (daemon) => {
      const pid = await daemon.run("c", ["sleep", "1000"]);
      await daemon[how]();
      await daemon.start();
      const { client } = daemon;
      using events = await EventCollector.subscribe(daemon.socket, { after: 0, ids: ["c"] });
      const state = await daemon.untilState("c", (now) => now.shim === "none");
      assert.equal(state.status, "running");
      assert.equal(state.pid, pid);
      const process = { args: ["sh", "-c", "exit 3"] };
      const { execId } = await client.call("container.exec", { id: "c", process });
      assert.equal((await daemon.exitOf("c", execId)).exitStatus, 3);
      await client.call("container.kill", { id: "c", signal: "KILL" });
      await within("its exit", daemon.exitOf("c"));
      const ended = await daemon.stateOf("c");
      assert.equal(ended.status, "stopped");
      // No child of a process that the daemon could ask: either it knows, or it says that it does not.
      if (ended.exitStatusUnknown !== true) assert.equal(ended.exitStatus, 137);
      await client.call("container.delete", { id: "c" });
      await events.wait({ type: "delete" });
      assert.equal(events.matching({ type: "exit", execId: undefined }).length, 1);
      assert.match(
        events.types(),
        /^create start exec-added\S+ exec-started\S+ exit:\S+ exit delete$/,
      );
    }, NO_SHIM);
  });

  Deno.test(`no shim restart: with no_shim a logged container goes on through a ${how} of the daemon, and its log`, async () => {
    await audited(async (daemon) => {
      const path = `${daemon.dir}/c.log`;
      const script = "trap 'echo two' TERM; echo one; while :; do sleep 0.1; done";
      await daemon.run("c", ["sh", "-c", script], {}, { log: { path } });
      const logged = (line: string) =>
        until(`${line} in the log`, () => Deno.readTextFileSync(path).includes(`F ${line}\n`));
      await logged("one");
      await daemon[how]();
      await daemon.start();
      await daemon.connected("c");
      await daemon.client.call("container.kill", { id: "c", signal: "TERM" });
      await logged("two");
      await daemon.remove("c");
      Deno.removeSync(path);
    }, NO_SHIM);
  });

  Deno.test(`no shim restart: with no_shim an exit during a ${how} of the daemon is told, its status as unknown`, async () => {
    await audited(async (daemon) => {
      const pid = await daemon.run("c", [
        "sh",
        "-c",
        "trap 'exit 7' TERM; while :; do sleep 0.05; done",
      ]);
      await until("its trap", () => hasTrap(pid, SIGTERM));
      await daemon[how]();
      Deno.kill(pid, "SIGTERM");
      // The process that has become its parent may or may not reap it.
      await until("its end", () => isGone(pid));
      await daemon.start();
      const { client } = daemon;
      const exit = await within("its exit", daemon.exitOf("c"));
      const state = await daemon.stateOf("c");
      assert.equal(state.status, "stopped");
      assert.equal(state.pid, pid);
      assert.equal(state.exitStatusUnknown, true, "nobody was there to see it");
      assert.equal(state.exitStatus, exit.exitStatus);
      assert.equal(exit.exitStatusUnknown, true, "wait says so, too");
      assert.equal((await cli(daemon, ["wait", "c"])).stdout, "unknown\n");
      await daemon.connected("c");
      using events = await EventCollector.subscribe(daemon.socket, { after: 0, ids: ["c"] });
      const deleted = await client.call("container.delete", { id: "c" });
      assert.equal(deleted.exitStatus, exit.exitStatus);
      await events.wait({ type: "delete" });
      const exited = events.events.find(({ type }) => type === "exit");
      assert.equal(exited?.exitStatusUnknown, true, "and so does the event");
      assert.equal(events.types(), "create start exit delete");
    }, NO_SHIM);
  });
}

Deno.test("no shim restart: run and exec say that nobody saw how what they wait for ended", async () => {
  // A daemon that is killed before it has answered their start leaves them nothing to wait for.
  const unanswered = /closed before the answer/;
  let ends = await endsBesideKill();
  for (let again = 0; again < 5 && ends.some(({ stderr }) => unanswered.test(stderr)); again++) {
    ends = await endsBesideKill();
  }
  const unseen = (name: string) =>
    `berth: ${name} has exited, but nobody could see its exit status\n`;
  assert.deepEqual(ends, [{ code: 137, stderr: unseen("c") }, { code: 137, stderr: unseen("e") }]);
});

/** How `run` and `exec` end when the daemon is killed, and what they wait for before the next one is there. */
async function endsBesideKill() {
  await using daemon = await TestDaemon.start(NO_SHIM);
  const start = (...args: string[]) =>
    cliCommand(daemon, args, { stdin: "null", stdout: "piped", stderr: "piped" }).spawn();
  const { client } = daemon;
  const run = start("run", "--name", "c", ...rootfsArgs(daemon), "sleep", "1000");
  const { pid } = await until("the container", async () => {
    const { containers } = await client.call("container.list", {});
    return containers.find(({ status }) => status === "running");
  });
  const exec = start("exec", "--exec-id", "e", "c", "sleep", "1000");
  await daemon.untilState(
    "c",
    ({ processes }) => processes.some(({ status }) => status === "running"),
  );
  await daemon.kill9();
  Deno.kill(pid, "SIGKILL");
  await until("its end", () => isGone(pid));
  await daemon.start();
  const ends: { readonly code: number; readonly stderr: string }[] = [];
  for (const [name, child] of [["c", run], ["e", exec]] as const) {
    const { code, stderr } = await within(`the end of ${name}`, child.output());
    ends.push({ code, stderr: new TextDecoder().decode(stderr) });
  }
  return ends;
}
