// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { SmallDisk } from "../harness/small_disk.ts";
import { BerthError, NotFoundError } from "../../src/rpc/errors.ts";
import { COLD, TestDaemon } from "../harness/daemon.ts";
import { EventCollector } from "../harness/events.ts";
import { assertHistory } from "../harness/history.ts";
import { LeakAudit } from "../harness/leaks/leak_audit.ts";
import { until, within } from "../harness/poll.ts";
import { hasTrap } from "../harness/processes.ts";
import { SIGTERM } from "../../src/linux/process/signals.ts";

/** Fills a file system: `space` takes every block, `inodes` lets no file be made. */
const FILL = {
  space: (dir: string) => {
    using file = Deno.openSync(`${dir}/filler`, { write: true, create: true });
    for (;;) file.writeSync(new Uint8Array(4096));
  },
  inodes: (dir: string) => {
    Deno.mkdirSync(`${dir}/filler`);
    for (let n = 0;; n++) Deno.writeTextFileSync(`${dir}/filler/${n}`, "");
  },
};

/** Fills the disks until the result is disposed. */
function fill(kind: keyof typeof FILL, dirs: readonly string[]): Disposable {
  const fillers = new DisposableStack();
  for (const dir of dirs) {
    fillers.defer(() => Deno.removeSync(`${dir}/filler`, { recursive: true }));
    assert.throws(
      () => FILL[kind](dir),
      (error) => error instanceof Error && "code" in error && error.code === "ENOSPC",
    );
  }
  return fillers;
}

/** A daemon whose `<state>` and `<root>` are small disks of their own. */
class SmallDisks implements AsyncDisposable {
  readonly daemon = TestDaemon.prepare({ config: COLD });

  static async start(): Promise<SmallDisks> {
    const disks = new SmallDisks();
    try {
      for (const dir of disks.all) {
        // It goes with the daemon's directory.
        new SmallDisk(dir, "size=2m", "nr_inodes=400");
      }
      await disks.daemon.start();
      await disks.daemon.life("warm-up");
    } catch (error) {
      await disks[Symbol.asyncDispose]();
      throw error;
    }
    return disks;
  }

  get all(): string[] {
    return [this.daemon.state, this.daemon.root];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.daemon[Symbol.asyncDispose]();
  }
}

/** Returns what `work` answers, or undefined where the disk has no room for it. */
async function unlessFull<T>(what: string, work: Promise<T>): Promise<T | undefined> {
  try {
    return await within(what, work);
  } catch (error) {
    assert.ok(error instanceof BerthError, `${what} ends in ${error}`);
    // What the runtime itself has no room for is told in its words.
    const byRuntime = error.kind === "RuntimeError" && /no space left/.test(error.message);
    assert.ok(byRuntime || error.kind === "ResourceExhausted", `${what} ends in ${error}`);
    return undefined;
  }
}

/** Does what `body` says with a daemon on small disks; nothing may be left and no event lost. */
async function onSmallDisks(
  body: (disks: SmallDisks, events: EventCollector) => Promise<void>,
): Promise<void> {
  await using disks = await SmallDisks.start();
  const { daemon } = disks;
  const audit = LeakAudit.take(daemon);
  {
    using events = await EventCollector.subscribe(daemon.socket, { after: 0 });
    await body(disks, events);
    await daemon.life("room");
    await events.wait({ type: "delete", id: "room" });
    assertHistory(events.events);
  }
  await audit.assertClean();
}

const LOGS = 'trap "echo more" USR1; trap "echo last; exit 7" TERM; echo first; ' +
  "while :; do sleep 0.05; done";

for (const kind of ["space", "inodes"] as const) {
  Deno.test(`full disk: without ${kind} a create leaves nothing`, async () => {
    await onSmallDisks(async ({ daemon, all }) => {
      const { client } = daemon;
      for (const dirs of [all, ...all.map((dir) => [dir])]) {
        for (const more of [{}, { restart: { policy: "always" } }] as const) {
          using _full = fill(kind, dirs);
          const spec = daemon.spec(["sleep", "1000"]);
          const created = await unlessFull(
            "create",
            client.call("container.create", { id: "c", spec, log: {}, ...more }),
          );
          const { containers } = await client.call("container.list", {});
          assert.deepEqual(containers.map(({ id }) => id), created === undefined ? [] : ["c"]);
          if (created !== undefined) await client.call("container.delete", { id: "c" });
          await assert.rejects(daemon.stateOf("c"), NotFoundError);
        }
      }
    });
  });

  Deno.test(`full disk: without ${kind} each call in a container's life succeeds or changes nothing`, async () => {
    await onSmallDisks(async ({ daemon, all }, events) => {
      const { client } = daemon;
      const id = "c";
      const status = async () => (await daemon.stateOf(id)).status;
      const kill = (signal: string, execId?: string) =>
        client.call("container.kill", { id, signal, ...(execId === undefined ? {} : { execId }) });
      const exit = async (execId?: string) => {
        const of = { id, ...(execId === undefined ? {} : { execId }) };
        return (await within("the exit", client.call("container.wait", of))).exitStatus;
      };
      const exec = (execId: string, script: string) =>
        client.call("container.exec", { id, execId, process: { args: ["sh", "-c", script] } });

      const spec = daemon.spec(["sh", "-c", LOGS]);
      const { log } = await client.call("container.create", { id, spec, log: {} })
        .then(() => daemon.stateOf(id));
      assert.ok(log !== undefined);
      const logged = () => Deno.readTextFileSync(log.path).replace(/^\S+ \S+ \S+ /gm, "");
      {
        using _full = fill(kind, all);
        const started = await unlessFull("start", client.call("container.start", { id }));
        assert.equal(await status(), started === undefined ? "created" : "running");
      }
      if (await status() === "created") await client.call("container.start", { id });
      await until("the first line", () => logged() === "first\n");
      await exec("before", "trap 'exit 5' TERM; while :; do sleep 0.05; done");
      await until(
        "the trap",
        () =>
          client.call("container.pids", { id }).then(({ processes }) =>
            processes.some(({ pid, execId }) => execId === "before" && hasTrap(pid, SIGTERM))
          ),
      );
      {
        using _full = fill(kind, all);
        await kill("USR1");
        const steps = [
          ["pause", "paused", () => client.call("container.pause", { id })],
          ["resume", "running", () => client.call("container.resume", { id })],
          [
            "update",
            "running",
            () => client.call("container.update", { id, resources: { pids: { limit: 77 } } }),
          ],
        ] as const;
        for (const [what, reached, call] of steps) {
          const before = await status();
          const done = await unlessFull(what, call());
          assert.equal(await status(), done === undefined ? before : reached, what);
        }
        if (await unlessFull("exec", exec("within", "exit 6")) !== undefined) {
          assert.equal(await exit("within"), 6);
        }
        await kill("TERM", "before");
        assert.equal(await exit("before"), 5);
        await kill("TERM");
        assert.equal(await exit(), 7);
        const again = await unlessFull("start again", client.call("container.start", { id }));
        assert.equal(await status(), again === undefined ? "stopped" : "running");
        await within("the delete", daemon.remove(id));
        await assert.rejects(status(), NotFoundError);
      }
      await events.wait({ type: "delete", id });
      const statuses = events.matching({ type: "exit", id }).map(({ exitStatus }) => exitStatus);
      assert.deepEqual(statuses.filter((status) => status === 5 || status === 7), [5, 7]);
    });
  });
}

/** Fills the last block of the journal, so that not even one exit finds room in it. */
async function fillJournal(daemon: TestDaemon, id: string): Promise<void> {
  const size = () => {
    const dir = `${daemon.state}/events`;
    const segments = [...Deno.readDirSync(dir)].map(({ name }) => name).filter((name) =>
      name.endsWith(".jsonl")
    );
    return Deno.statSync(`${dir}/${segments.sort().at(-1)}`).size;
  };
  for (let paused = false; 4096 - size() % 4096 > 200 || paused; paused = !paused) {
    await daemon.client.call(paused ? "container.resume" : "container.pause", { id });
  }
}

Deno.test("full disk: what exits and is deleted meanwhile is told, though the daemon is killed", async () => {
  await using disks = await SmallDisks.start();
  const { daemon, all } = disks;
  const { client } = daemon;
  for (const id of ["gone", "left"]) {
    const pid = await daemon.run(id, ["sh", "-c", LOGS]);
    await until("the trap", () => hasTrap(pid, SIGTERM));
  }
  await fillJournal(daemon, "left");
  {
    using _full = fill("space", all);
    for (const id of ["gone", "left"]) {
      await client.call("container.kill", { id, signal: "TERM" });
      assert.equal((await daemon.exitOf(id)).exitStatus, 7);
    }
    await client.call("container.delete", { id: "gone" });
    await daemon.kill9();
    // It serves what is there, or says why it cannot.
    const refused = await daemon.start().then(() => undefined, (error: Error) => error.message);
    if (refused === undefined) {
      assert.equal((await daemon.exitOf("left")).exitStatus, 7);
      await daemon.kill9();
    } else {
      assert.match(refused, /No space left|disk is full/i);
    }
  }
  await daemon.start();
  await daemon.connected("left");
  assert.equal((await daemon.client.call("container.delete", { id: "left" })).exitStatus, 7);
  using events = await EventCollector.subscribe(daemon.socket, { after: 0 });
  await events.wait({ type: "delete", id: "left" });
  assertHistory(events.events);
  for (const id of ["gone", "left"]) {
    assert.match(events.types(id), /^create start (paused resumed )*exit delete$/);
  }
});
