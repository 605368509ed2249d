// SPDX-License-Identifier: MIT
import type { ContainerState } from "../../src/rpc/schemas.ts";
import { rootfsDir } from "../harness/rootfs.ts";
import type { JsonObject } from "../harness/rootfs.ts";
import type { Random } from "./random.ts";
import type { Session } from "./session.ts";

/** Calls one container again and again, at random, mostly with what suits its state. */
export class Worker {
  readonly #session: Session;
  readonly #random: Random;
  readonly #id: string;
  readonly #runtime: string;
  readonly #waits: Promise<void>[] = [];
  #execs = 0;

  /** @param runtime What some of the containers get for a runtime. */
  constructor(session: Session, random: Random, id: string, runtime: string) {
    this.#session = session;
    this.#random = random;
    this.#id = id;
    this.#runtime = runtime;
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
    switch (state?.status) {
      case undefined:
        await this.#create();
        break;
      case "created":
        await this.#random.pick([
          [12, () => this.#start()],
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
          [1, () => this.#start()],
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
    const args = this.#random.pick([
      [3, ["sleep", "1000"]],
      [2, ["sh", "-c", "sleep 0.3; exit 3"]],
      [1, ["sh", "-c", "exit 7"]],
      [2, ["sh", "-c", "sleep 1000 & setsid sleep 1000 & wait"]],
      [1, ["sh", "-c", "trap 'exit 9' TERM; while :; do sleep 0.1; done"]],
    ]);
    const override: JsonObject = this.#random.next() < 0.2
      ? { linux: { namespaces: ["ipc", "uts", "mount"].map((type) => ({ type })) } }
      : {};
    await this.#session.call("container.create", {
      id: this.#id,
      spec: this.#session.daemon.spec(args, override),
      ...(this.#random.next() < 0.3
        ? { rootfs: [{ type: "bind", source: rootfsDir(), options: ["bind", "ro"] }] }
        : {}),
      ...(this.#random.next() < 0.4 ? { runtime: this.#runtime } : {}),
      ...(this.#random.next() < 0.2 ? { group: `group-${this.#random.below(2)}` } : {}),
    });
  }

  async #start(): Promise<void> {
    await this.#session.call("container.start", { id: this.#id });
  }

  async #exec(): Promise<void> {
    const execId = `exec-${this.#execs++}`;
    const args = this.#random.pick([
      [3, ["true"]],
      [2, ["sh", "-c", "sleep 0.2; exit 5"]],
      [1, ["sleep", "1000"]],
      [1, ["/does/not/exist"]],
    ]);
    const started = await this.#session.call("container.exec", {
      id: this.#id,
      execId,
      process: { args },
    });
    if (started === undefined) return;
    await this.#random.pick([
      [3, () => this.#waitFor(execId)],
      [1, async () => {
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
    await this.#session.call("container.kill", { id: this.#id, signal, all });
  }

  async #delete(force: boolean): Promise<void> {
    const id = this.#id;
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
