// SPDX-License-Identifier: MIT

/**
 * Holds back the exit of init until everything is published that has to come before it: the exit of
 * each exec, and the start that it overtook.
 */
export class ExitBarrier {
  #holds = 0;
  #publish: (() => void) | undefined;
  #passed = false;

  /** Whether the exit of init has been published: nothing may come after it. */
  get passed(): boolean {
    return this.#passed;
  }

  /** Holds the exit back until the result is disposed. */
  block(): Disposable {
    this.#holds++;
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        this.#holds--;
        if (this.#holds === 0) this.force();
      },
    };
  }

  /** Publishes the exit as soon as nothing holds it back. Answers whether that was at once. */
  pass(publish: () => void): boolean {
    this.#publish = publish;
    if (this.#holds === 0) this.force();
    return this.#passed;
  }

  /** Publishes the exit, if there is one, whatever holds it back. */
  force(): void {
    const publish = this.#publish;
    if (publish === undefined) return;
    this.#publish = undefined;
    this.#passed = true;
    publish();
  }
}
