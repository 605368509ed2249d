// SPDX-License-Identifier: MIT
import { after } from "../../linux/event_loop/timer.ts";
import { yieldToEventLoop } from "../../linux/event_loop/yield.ts";
import { failpoint } from "../../failpoint.ts";
import type { EventBuffer } from "../event_buffer.ts";
import { writeExitRecord } from "../../oci/exit_record.ts";
import { ExitBarrier } from "../exit/exit_barrier.ts";
import { ExitFuture } from "../exit/exit_future.ts";
import type { ProcessExit } from "../../oci/process_exit.ts";
import { notBefore } from "../../oci/process_exit.ts";
import type { InitProcess } from "./init_process.ts";
import type { ProcessContext } from "../process/process_context.ts";

/** How long init's exit waits for the exits of execs that were killed because of it, in ms. */
const STRAGGLER_BOUND = 2000;

/** The parts of a container's shim that the exit of init concerns. */
export interface InitExitOptions {
  readonly context: ProcessContext;
  readonly init: InitProcess;
  readonly events: EventBuffer;
  /** Kills the execs that are still running. */
  readonly killExecs: () => void;
  /** Kills every process that is left in the container. */
  readonly killRest: () => Promise<void>;
  /** Called if the bundle directory is gone when the exit is to be recorded. */
  readonly onBundleGone: (() => void) | undefined;
}

/** Handles the exit of init: records it at once, and publishes it after the exit of every exec. */
export class InitExitHandler {
  /** The published exit. */
  readonly exit = new ExitFuture();
  /** Delays its publication. */
  readonly barrier = new ExitBarrier();
  readonly #options: InitExitOptions;
  #stragglers: Disposable | undefined;

  constructor(options: InitExitOptions) {
    this.#options = options;
  }

  /** Records the exit and publishes it as soon as nothing blocks that. */
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
      // The exit event still has it, as long as this shim lives.
      log(`cannot write ${paths.exitRecord}: ${error}`);
    }
    init.recordExit(exit);
    if (record.sharedPidNamespace === true && pid > 0) void this.#killRest();
    else init.releaseStdio();
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
    // Not at once: the exit of an exec may have been reaped with init's and be handled next.
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
    const { context, init, killRest } = this.#options;
    using _block = this.barrier.block("exec");
    try {
      await killRest();
    } catch (error) {
      context.log(`cannot kill what has outlived the init of ${context.record.id}: ${error}`);
    }
    init.releaseStdio();
  }

  /** Cancels the straggler timer. */
  release(): void {
    this.#stragglers?.[Symbol.dispose]();
  }
}
