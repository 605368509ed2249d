// SPDX-License-Identifier: MIT

/** An event happened in a state that does not have it: a bug of berth. */
export class IllegalTransitionError extends Error {
  override name = "IllegalTransitionError";

  constructor(subject: string, state: string, event: string) {
    super(`${subject}: illegal transition: ${event} while ${state}`);
  }
}
