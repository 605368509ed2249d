// SPDX-License-Identifier: MIT
import type { Cgroup } from "../../linux/cgroup/cgroup.ts";
import { OomWatch } from "../../linux/oom/oom_watch.ts";
import { sleep } from "../../linux/event_loop/timer.ts";
import { yieldToEventLoop } from "../../linux/event_loop/yield.ts";
import { messageOf } from "../../error_text.ts";
import type { ShimEvent } from "../../rpc/contract/shim.ts";
import { ASKING_MS, type QueuedEvent } from "../events/forwarder.ts";
import { type CreatedContainer, oomEvent, translateEvent } from "../events/translate.ts";
import type { TaskContext } from "./context.ts";

/** The container that a {@linkcode TaskEvents} tells of, and where the events go. */
export interface TaskEventsOptions {
  readonly container: CreatedContainer;
  readonly context: Pick<TaskContext, "poller" | "oomLog" | "log" | "publish" | "isQueued">;
  /** Lets the shim's service forget the events up to `seq`. */
  readonly ack: (seq: number) => void;
}

/** Tells containerd of the events of one container and of its OOM kills, these before the exits. */
export class TaskEvents implements Disposable {
  readonly #options: TaskEventsOptions;
  /** Events that are about to be told. */
  readonly #untold: ShimEvent[] = [];
  #oom: OomWatch | undefined;
  /** The event of init's exit. */
  #exit: QueuedEvent | undefined;

  constructor(options: TaskEventsOptions) {
    this.#options = options;
  }

  /** Whether init has exited and containerd does not know yet, for instance because it is away. */
  get exitIsQueued(): boolean {
    return this.#exit !== undefined && this.#options.context.isQueued(this.#exit);
  }

  /** Watches the cgroup that `find` returns for OOM kills, unless one is watched. */
  watchOom(find: () => Cgroup | undefined): void {
    if (this.#oom !== undefined) return;
    const { container: { id }, context: { poller, oomLog, publish, log } } = this.#options;
    try {
      const cgroup = find();
      if (cgroup === undefined) return;
      const onOom = () => publish(oomEvent(id));
      this.#oom = OomWatch.open(cgroup, { poller, log: oomLog(), onOom });
    } catch (error) {
      // A container without it is better than none.
      log("warning", `OOM kills are not told: ${messageOf(error)}`, { id });
    }
  }

  /** Reports an event to containerd; that of an exec once its client has the answer. */
  handle(event: ShimEvent): void {
    this.#untold.push(event);
    if (event.execId === undefined) this.#tell();
    else if (this.#untold.length === 1) {
      const answered = event.type === "exit" ? yieldToEventLoop() : sleep(ASKING_MS);
      void answered.then(() => this.#tell());
    }
  }

  #tell(): void {
    const { container: { id }, context: { log } } = this.#options;
    for (const event of this.#untold.splice(0)) {
      try {
        this.#tellOne(event);
      } catch (error) {
        log("error", `telling of ${event.type}: ${messageOf(error)}`, { id });
      }
    }
  }

  #tellOne(event: ShimEvent): void {
    const { container, context, ack } = this.#options;
    if (event.type === "exit") this.#lookForOom(event);
    const translated = translateEvent(event, container);
    if (translated !== undefined) context.publish(translated);
    if (event.type === "exit" && event.execId === undefined) this.#exit = translated;
    ack(event.seq);
  }

  /** Reports the OOM kills before an exit: the kernel has counted each before it sent the signal. */
  #lookForOom({ pid }: ShimEvent): void {
    const { container: { id }, context: { log } } = this.#options;
    try {
      this.#oom?.check(pid);
    } catch (error) {
      log("warning", `looking for OOM kills: ${messageOf(error)}`, { id });
    }
  }

  /** Watches for OOM kills no longer. */
  [Symbol.dispose](): void {
    this.#oom?.[Symbol.dispose]();
  }
}
