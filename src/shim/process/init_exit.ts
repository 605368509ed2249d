// SPDX-License-Identifier: MIT
import { after } from "../../linux/event_loop/timer.ts";
import { yieldToEventLoop } from "../../linux/event_loop/yield.ts";
import { failpoint } from "../../failpoint.ts";
import type { EventBuffer } from "../event_buffer.ts";
import { writeExitRecord } from "../../oci/exit_record.ts";
import { ExitBarrier } from "../exit/exit_barrier.ts";
import { ExitFuture } from "../exit/exit_future.ts";
import type { ProcessExit } from "../exit/process_exit.ts";
import type { InitProcess } from "./init_process.ts";
import type { ProcessContext } from "./process_context.ts";

/** How long init's exit waits for execs that were killed because of it, in milliseconds. */
const STRAGGLER_BOUND = 2000;

/** What an {@linkcode InitExitHandler} is made with. */
export interface InitExitOptions {
  readonly context: ProcessContext;
  readonly init: InitProcess;
  readonly events: EventBuffer;
  /** Kills the execs that still run. */
  readonly killExecs: () => void;
  /** Kills every process that is left in the container. */
  readonly killRest: () => Promise<void>;
  /** The bundle directory was found to be gone when the exit was to be recorded. */
  readonly onBundleGone: (() => void) | undefined;
}

/** The end of a container's init: recorded at once, published after the end of each exec. */
export class InitExitHandler {
  /** How it ended, once that was published. */
  readonly exit = new ExitFuture();
  /** Holds back that it is published. */
  readonly barrier = new ExitBarrier();
  readonly #options: InitExitOptions;
  #stragglers: Disposable | undefined;

  constructor(options: InitExitOptions) {
    this.#options = options;
  }

  /** Init has ended. */
  handle(ended: ProcessExit): void {
    const { context, init, events, onBundleGone } = this.#options;
    const { paths, log, record, reserve } = context;
    const { pid } = init;
    const exit = { ...ended, exitedAt: notBefore(init.startedAt, ended.exitedAt) };
    let recorded = true;
    try {
      const exitRecord = { instance: record.instance, pid, ...exit };
      failpoint("shim.exit.record");
      recorded = reserve.run(() => writeExitRecord(paths.exitRecord, exitRecord));
      failpoint("shim.exit.recorded");
    } catch (error) {
      // The event still tells it, as long as this shim lives.
      log(`cannot write ${paths.exitRecord}: ${error}`);
    }
    init.exited(exit);
    if (record.sharedPidNamespace === true && pid > 0) void this.#killRest();
    const published = this.barrier.pass(() => {
      failpoint("shim.exit.publish");
      this.release();
      events.publishExit(pid, exit);
      this.exit.resolve(exit);
    });
    if (!published) this.#killStragglers();
    if (!recorded) onBundleGone?.();
  }

  /**
   * With a pid namespace of its own the kernel has killed and this process reaped every exec before
   * init's exit can be seen (pid_namespaces(7)). Without one they are killed here.
   */
  #killStragglers(): void {
    const { context, killExecs } = this.#options;
    // Not at once: the exit of an exec may have been reaped together with init's and be told next.
    yieldToEventLoop().then(killExecs);
    this.#stragglers = after(STRAGGLER_BOUND, () => {
      if (this.barrier.abandonExecs()) {
        context.log(`execs of ${context.record.id} outlive its init`);
      }
    });
  }

  /**
   * Without a pid namespace of its own, a container's processes outlive its init. They hold back its
   * exit like execs: once that is published, nothing of the container runs.
   */
  async #killRest(): Promise<void> {
    const { context, killRest } = this.#options;
    using _block = this.barrier.block("exec");
    try {
      await killRest();
    } catch (error) {
      context.log(`cannot kill what has outlived the init of ${context.record.id}: ${error}`);
    }
  }

  /** Waits for nothing any more. */
  release(): void {
    this.#stragglers?.[Symbol.dispose]();
  }
}

/** Returns the later time: the machine's clock may have been set back since the start. */
function notBefore(startedAt: string | undefined, exitedAt: string): string {
  return startedAt !== undefined && startedAt > exitedAt ? startedAt : exitedAt;
}
