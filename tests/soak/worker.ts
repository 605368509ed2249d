// SPDX-License-Identifier: MIT
import { parseSignal } from "../../src/linux/process/signals.ts";
import type { ContainerState } from "../../src/rpc/contract/schemas.ts";
import { rootfsDir } from "../harness/rootfs.ts";
import type { JsonObject } from "../harness/rootfs.ts";
import { COMMAND_LABEL, CONTAINER_COMMANDS, EXEC_COMMANDS } from "./commands.ts";
import type { ExitStatuses } from "./exit_statuses.ts";
import type { Random } from "./random.ts";
import type { Session } from "./session.ts";

/** The session, the random numbers and the record that a worker works with. */
export interface WorkerOptions {
  readonly session: Session;
  readonly random: Random;
  /** Takes notes of all that is done to containers. */
  readonly statuses: ExitStatuses;
  /** The runtimes that containers get. */
  readonly runtimes: readonly string[];
}

/** Calls one container again and again, at random, mostly with what suits its state. */
export class Worker {
  readonly #session: Session;
  readonly #random: Random;
  readonly #id: string;
  readonly #statuses: ExitStatuses;
  readonly #runtimes: readonly string[];
  readonly #waits: Promise<void>[] = [];
  #execs = 0;

  constructor(id: string, { session, random, statuses, runtimes }: WorkerOptions) {
    this.#session = session;
    this.#random = random;
    this.#id = id;
    this.#statuses = statuses;
    this.#runtimes = runtimes;
  }

  /** Goes on until `signal` is aborted or something was violated. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && this.#session.violation === undefined) {
      await this.#step();
      await new Promise((resolve) => setTimeout(resolve, this.#random.between(0, 60)));
    }
  }

  /** Settles when every wait has: that of a container that is gone does not hang. */
  async settled(): Promise<void> {
    await Promise.all(this.#waits);
  }

  async #step(): Promise<void> {
    const state = await this.#session.call("container.state", { id: this.#id });
    if (state === undefined) return await this.#create();
    this.#statuses.seen(
      state.instance,
      CONTAINER_COMMANDS.get(state.labels[COMMAND_LABEL] ?? ""),
    );
    switch (state.status) {
      case "created":
        await this.#random.pick([
          [12, () => this.#start(state)],
          [2, () => this.#kill()],
          [1, () => this.#delete(true)],
          [1, () => this.#delete(false)],
          [1, () => this.#exec()],
        ])();
        break;
      case "running":
        await this.#random.pick([
          [10, () => this.#exec()],
          [3, () => this.#wait(state)],
          [2, () => this.#pause()],
          [3, () => this.#kill()],
          [2, () => this.#delete(true)],
          [1, () => this.#delete(false)],
          [1, () => this.#start(state)],
          [2, () => this.#look()],
          [2, () => this.#forgetExecs(state)],
        ])();
        break;
      case "paused":
        await this.#random.pick([
          [6, () => this.#resume()],
          [1, () => this.#kill()],
          [1, () => this.#delete(true)],
          [1, () => this.#look()],
        ])();
        break;
      case "stopped":
        await this.#random.pick([
          [6, () => this.#delete(false)],
          [2, () => this.#delete(true)],
          [2, () => this.#wait(state)],
          [1, () => this.#kill()],
          [1, () => this.#exec()],
        ])();
        break;
    }
  }

  async #create(): Promise<void> {
    const [name, { args }] = this.#random.pick(
      [...CONTAINER_COMMANDS].map((entry) => [entry[1].weight, entry] as const),
    );
    const override: JsonObject = this.#random.next() < 0.2
      ? { linux: { namespaces: ["ipc", "uts", "mount"].map((type) => ({ type })) } }
      : {};
    const spec = this.#session.daemon.spec(args, override);
    this.#session.note("its cgroup", this.#id, String(Object(spec["linux"]).cgroupsPath));
    await this.#session.call("container.create", {
      id: this.#id,
      spec,
      labels: { [COMMAND_LABEL]: name },
      runtime: this.#random.pick(this.#runtimes.map((runtime) => [1, runtime] as const)),
      ...(this.#random.next() < 0.3
        ? { rootfs: [{ type: "bind", source: rootfsDir(), options: ["bind", "ro"] }] }
        : {}),
      ...(this.#random.next() < 0.2 ? { group: `group-${this.#random.below(2)}` } : {}),
    });
  }

  async #start({ shimPid }: ContainerState): Promise<void> {
    using _act = this.#statuses.starting(this.#id);
    this.#session.starting(shimPid);
    await this.#session.call("container.start", { id: this.#id });
  }

  async #exec(): Promise<void> {
    const execId = `exec-${this.#execs++}`;
    const command = this.#random.pick(
      EXEC_COMMANDS.map((command) => [command.weight, command] as const),
    );
    this.#statuses.executing(this.#id, execId, command);
    const started = await this.#session.call("container.exec", {
      id: this.#id,
      execId,
      process: { args: [...command.args] },
    });
    if (started === undefined) return;
    await this.#random.pick([
      [3, () => this.#waitFor(execId)],
      [1, async () => {
        using _act = this.#statuses.signalingExec(this.#id, execId, parseSignal("KILL"));
        await this.#session.call("container.kill", { id: this.#id, execId, signal: "KILL" });
      }],
      [2, async () => {}],
    ])();
  }

  #wait(state: ContainerState): void {
    const [exec] = state.processes;
    this.#waitFor(exec !== undefined && this.#random.next() < 0.5 ? exec.execId : undefined);
  }

  /** Does not hold the worker up: most processes end only because something ends them. */
  #waitFor(execId: string | undefined): void {
    if (this.#waits.length > 10_000) return;
    this.#waits.push(this.#noteExit(execId));
  }

  async #noteExit(execId: string | undefined): Promise<void> {
    const id = this.#id;
    const params = execId === undefined ? { id } : { id, execId };
    const exit = await this.#session.wait(params);
    if (exit !== undefined) this.#session.exits.push({ id, execId, ...exit });
  }

  async #pause(): Promise<void> {
    await this.#session.call("container.pause", { id: this.#id });
  }

  async #resume(): Promise<void> {
    await this.#session.call("container.resume", { id: this.#id });
  }

  async #kill(): Promise<void> {
    const signal = this.#random.pick([[2, "KILL"], [2, "TERM"], [1, "USR1"]]);
    const all = this.#random.next() < 0.3;
    using _act = this.#statuses.signaling(this.#id, parseSignal(signal), all);
    await this.#session.call("container.kill", { id: this.#id, signal, all });
  }

  async #delete(force: boolean): Promise<void> {
    const id = this.#id;
    using _act = this.#statuses.deleting(id, force);
    const deleted = await this.#session.call("container.delete", { id, force });
    if (deleted === undefined) return;
    const { exitStatus, exitedAt } = deleted;
    this.#session.exits.push({ id, execId: undefined, exitStatus, exitedAt });
  }

  async #look(): Promise<void> {
    await this.#session.call("container.stats", { id: this.#id });
    await this.#session.call("container.pids", { id: this.#id });
    await this.#session.call("container.list", {});
  }

  async #forgetExecs(state: ContainerState): Promise<void> {
    for (const { execId, status } of state.processes) {
      if (status !== "stopped") continue;
      const gone = await this.#session.call("container.deleteProcess", { id: this.#id, execId });
      if (gone === undefined) return;
      const { exitStatus, exitedAt } = gone;
      this.#session.exits.push({ id: this.#id, execId, exitStatus, exitedAt });
    }
  }
}
