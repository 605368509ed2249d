// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import type { Event } from "../../src/rpc/contract/schemas.ts";
import { messageOf } from "../../src/error_text.ts";
import { TestDaemon } from "../harness/daemon.ts";
import { EventCollector } from "../harness/events.ts";
import { FailpointFile } from "../harness/program/failpoints.ts";
import { assertHistory } from "../harness/history.ts";
import { KEEP_VARIABLE } from "../harness/keep_files.ts";
import { LeakAudit } from "../harness/leaks/leak_audit.ts";
import { until, within } from "../harness/poll.ts";
import { RuntimeWrapper } from "../harness/runtime/runtime_wrapper.ts";
import { Chaos } from "./chaos.ts";
import { ExitStatuses } from "./exit_statuses.ts";
import { Killer } from "./killer.ts";
import { Random } from "./random.ts";
import type { SeenExit } from "./session.ts";
import { Session } from "./session.ts";
import { concerned, timeline } from "./timeline.ts";
import { Worker } from "./worker.ts";

/** How a soak is run. */
export interface SoakOptions {
  /** Determines what is done, though not how it interleaves. */
  readonly seed: number;
  /** How long containers are used and things are killed, milliseconds. */
  readonly durationMs: number;
  /** How many containers there are at a time. */
  readonly containers: number;
  /** The fate of the container of a shim that died: `[shim] on_death`. */
  readonly onDeath: "kill" | "adopt";
  /** Whether the daemon serves the containers itself; false by default. */
  readonly noShim?: boolean;
  /** Ends it early, cleanly. */
  readonly signal?: AbortSignal;
}

/** The figures of a soak. */
export interface SoakReport {
  readonly events: number;
  readonly instances: number;
  /** Calls by method and how they ended, and what was killed; by name. */
  readonly counts: ReadonlyMap<string, number>;
}

/** A container that is not part of the soak. */
const WARM_UP = "warm-up";

/** Keeps the whole history, so that it can be compared with what was told on the way. */
const CONFIG = "[events]\nsegments = 10000";

/**
 * Uses containers at random while the daemon, shims and processes are killed at random, then deletes
 * all of them and checks what may never be violated, whatever the races: a history without a hole
 * or a repetition, complete lives, answers that agree with it, and nothing left over.
 */
export async function soak(options: SoakOptions): Promise<SoakReport> {
  const { seed, durationMs, containers, onDeath, noShim = false, signal } = options;
  const config = `${CONFIG}\n[runtime]\nno_shim = ${noShim}\n[shim]\non_death = "${onDeath}"`;
  using failpoints = new FailpointFile();
  await using daemon = await TestDaemon.start({ config, env: failpoints.env });
  const session = new Session(daemon);
  try {
    await daemon.life(WARM_UP);
    const audit = LeakAudit.take(daemon);
    const runtime = RuntimeWrapper.create(daemon.dir);
    await session.up();
    const random = new Random(seed);
    const fork = () => new Random(random.below(2 ** 32));
    const statuses = new ExitStatuses();
    const killer = new Killer(daemon, statuses);
    // Only containers of runc itself are started without running it.
    const runtimes = ["runc", runtime.path];
    const workers = Array.from(
      { length: containers },
      (_, index) => new Worker(`c${index}`, { session, random: fork(), statuses, runtimes }),
    );
    const chaos = new Chaos({ session, random: fork(), runtime, killer, failpoints, noShim });
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), durationMs);
    const ended = signal === undefined ? stop.signal : AbortSignal.any([stop.signal, signal]);
    await Promise.all([...workers.map((worker) => worker.run(ended)), chaos.run(ended)]);
    clearTimeout(timer);
    if (session.violation !== undefined) throw session.violation;

    await deleteAll(session, statuses);
    await within("every wait", Promise.all(workers.map((worker) => worker.settled())));
    await session.caughtUp();
    if (session.violation !== undefined) throw session.violation;
    killer.noted();
    await assertTold(session, statuses);
    await audit.assertClean({ timeoutMs: 60_000 });
    return {
      events: session.events.length,
      instances: new Set(session.events.map(({ instance }) => instance)).size,
      counts: new Map([...session.counts, ...chaos.counts]),
    };
  } catch (error) {
    const message = messageOf(error);
    const kept = keepEvidence(session, message);
    throw new Error(`soak with seed ${seed}: ${message}\n${kept}`, { cause: error });
  }
}

/** Keeps the logs and the journal, writes a time line of what the failure is about; says where. */
function keepEvidence(session: Session, message: string): string {
  const { daemon, events, notes } = session;
  Deno.env.set(KEEP_VARIABLE, "1");
  const sources = { events, notes, log: daemon.log };
  const ids = concerned(sources, message);
  const path = `${daemon.dir}/timeline.txt`;
  Deno.writeTextFileSync(path, timeline(sources, ids));
  return `${path} has the time line of ${[...ids].join(", ")}; ` +
    `${daemon.dir}/daemon.log, ${daemon.state}/events and ${daemon.state}/shims.log are kept`;
}

/** Deletes what is left, also what is being removed already. */
async function deleteAll(session: Session, statuses: ExitStatuses): Promise<void> {
  await until("every container to be deleted", async () => {
    const list = await session.call("container.list", {});
    if (list === undefined) return false;
    await Promise.all(list.containers.map(async ({ id }) => {
      using _act = statuses.deleting(id, true);
      const deleted = await session.call("container.delete", { id, force: true });
      if (deleted === undefined) return;
      const { exitStatus, exitedAt } = deleted;
      session.exits.push({ id, execId: undefined, exitStatus, exitedAt });
    }));
    return list.containers.length === 0;
  }, { timeoutMs: 120_000, everyMs: 100 });
}

async function assertTold(session: Session, statuses: ExitStatuses): Promise<void> {
  const { events, exits, daemon } = session;
  assertHistory(events);
  const replaced = new Set(events.map(({ replaces }) => replaces));
  for (const [instance, own] of Map.groupBy(events, ({ instance }) => instance)) {
    assertWhole(own, replaced.has(instance));
  }
  assertOneAtATime(events);
  assertAgreed(events, exits);
  assertCaused(events.filter(({ id }) => id !== WARM_UP), statuses);
  using again = await EventCollector.subscribe(daemon.socket, { after: 0 });
  await until("the whole history once more", () => again.events.at(-1)?.seq === events.at(-1)?.seq);
  assert.deepEqual(again.events, events, "what was told on the way is what the journal holds");
}

/** Every process that was started has ended, and the container was deleted, or started again. */
function assertWhole(all: readonly Event[], replaced: boolean): void {
  const events = all.filter(({ type }) => type !== "restarting" && type !== "restart-failed");
  const said = events.map(({ seq, type, execId }) => `${seq} ${type} ${execId ?? ""}`).join(", ");
  const [first] = events;
  const end = replaced ? ["exit"] : ["exit", "delete"];
  assert.deepEqual(
    events.slice(-end.length).map(({ type }) => type),
    end,
    `init's exit, and the delete unless it was started again: ${first?.id}: ${said}`,
  );
  const started = events.filter(({ type }) => type === "exec-started").length;
  const ended = events.filter(({ type, execId }) => type === "exit" && execId !== undefined).length;
  assert.equal(ended, started, `an exit for each exec: ${said}`);
  const pids = new Set(events.flatMap(({ execId, pid }) => execId === undefined ? pid : []));
  assert.equal(pids.size, 1, `one pid: ${said}`);
}

/** No process has ended with a status that nothing has caused. */
function assertCaused(events: readonly Event[], statuses: ExitStatuses): void {
  const wrong = Map.groupBy(events, ({ instance }) => instance).values()
    .flatMap((own) => statuses.uncaused(own)).toArray();
  assert.ok(wrong.length === 0, `exits that nothing has caused:\n${wrong.join("\n")}`);
}

/** Lives of one id do not overlap. */
function assertOneAtATime(events: readonly Event[]): void {
  const living = new Map<string, string>();
  for (const { id, instance, type, seq, replaces } of events) {
    if (type === "create") {
      assert.equal(living.get(id), replaces, `${id} is created again before its delete: ${seq}`);
      living.set(id, instance);
    }
    assert.equal(living.get(id), instance, `event ${seq} of ${id} is of another life`);
    if (type === "delete") living.delete(id);
  }
}

/** Fails unless the answers of wait and delete say the same as the events. */
function assertAgreed(events: readonly Event[], exits: readonly SeenExit[]): void {
  const key = (exit: SeenExit | Event) =>
    [exit.id, exit.execId ?? "", exit.exitStatus, exit.exitedAt].join(" ");
  const told = new Set(events.filter(({ type }) => type === "exit").map(key));
  for (const exit of exits) {
    assert.ok(told.has(key(exit)), `an answer of which no event tells: ${key(exit)}`);
  }
}
