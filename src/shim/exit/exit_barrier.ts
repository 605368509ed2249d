// SPDX-License-Identifier: MIT

/** A reason to hold back the exit of init. */
export type BlockReason =
  /** A start or a checkpoint, whose event comes before the exit however long the runtime takes. */
  | "event"
  /** An exec, which is killed once init has ended and is not waited for without end. */
  | "exec";

/**
 * Holds back the exit event of init until everything is published that has to come before it: the
 * exit of each exec, and the start that init's exit overtook.
 */
export class ExitBarrier {
  readonly #blocks: Record<BlockReason, number> = { event: 0, exec: 0 };
  #publish: (() => void) | undefined;
  #waitsForExecs = true;
  #passed = false;

  /** Whether the exit of init has been published: nothing may come after it. */
  get passed(): boolean {
    return this.#passed;
  }

  /** Holds the exit back until the result is disposed. */
  block(reason: BlockReason): Disposable {
    this.#blocks[reason]++;
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        this.#blocks[reason]--;
        this.#publishIfFree();
      },
    };
  }

  /** Publishes the exit as soon as nothing holds it back. Returns whether that was at once. */
  pass(publish: () => void): boolean {
    this.#publish = publish;
    this.#publishIfFree();
    return this.#passed;
  }

  /** Lets the exit pass the execs that still hold it back. Returns whether there are any. */
  abandonExecs(): boolean {
    const some = this.#blocks.exec > 0;
    this.#waitsForExecs = false;
    this.#publishIfFree();
    return some;
  }

  #publishIfFree(): void {
    const publish = this.#publish;
    if (publish === undefined || this.#blocks.event > 0) return;
    if (this.#waitsForExecs && this.#blocks.exec > 0) return;
    this.#publish = undefined;
    this.#passed = true;
    publish();
  }
}
