// SPDX-License-Identifier: MIT

/** Signal numbers by name: include/uapi/asm-generic/signal.h (x86_64 and arm64 have the same). */
export const SIGNALS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGILL: 4,
  SIGTRAP: 5,
  SIGABRT: 6,
  SIGBUS: 7,
  SIGFPE: 8,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGSEGV: 11,
  SIGUSR2: 12,
  SIGPIPE: 13,
  SIGALRM: 14,
  SIGTERM: 15,
  SIGSTKFLT: 16,
  SIGCHLD: 17,
  SIGCONT: 18,
  SIGSTOP: 19,
  SIGTSTP: 20,
  SIGTTIN: 21,
  SIGTTOU: 22,
  SIGURG: 23,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGVTALRM: 26,
  SIGPROF: 27,
  SIGWINCH: 28,
  SIGIO: 29,
  SIGPWR: 30,
  SIGSYS: 31,
};

/** Other names in use for some of them (signal(7)). */
const ALIASES: Readonly<Record<string, number>> = { SIGIOT: 6, SIGCLD: 17, SIGPOLL: 29 };

/** Numbers of the signals that berth itself sends. */
export const SIGKILL = 9, SIGTERM = 15;

/** First and last real-time signal as glibc numbers them (signal(7)): it keeps 32 and 33. */
const SIGRTMIN = 34, SIGRTMAX = 64;

/**
 * Returns the number of a signal given as a number from 1 to 64, or by name with or without `SIG`
 * in any case (`TERM`, `SIGKILL`, `rtmin+1`), or as digits.
 *
 * @throws RangeError when there is no such signal
 */
export function parseSignal(signal: number | string): number {
  const number = typeof signal === "number" ? signal : fromText(signal);
  if (number === undefined || !Number.isInteger(number) || number < 1 || number > SIGRTMAX) {
    throw new RangeError(
      `no such signal: ${
        JSON.stringify(signal)
      } (expected 1 to ${SIGRTMAX}, or a name such as TERM)`,
    );
  }
  return number;
}

function fromText(text: string): number | undefined {
  if (/^[0-9]+$/.test(text)) return Number(text);
  const upper = text.toUpperCase();
  const name = upper.startsWith("SIG") ? upper : `SIG${upper}`;
  if (Object.hasOwn(SIGNALS, name)) return SIGNALS[name];
  if (Object.hasOwn(ALIASES, name)) return ALIASES[name];
  const realTime = /^SIGRT(MIN(?:\+([0-9]{1,2}))?|MAX(?:-([0-9]{1,2}))?)$/.exec(name);
  if (realTime === null) return undefined;
  const [, base = "", plus = "0", minus = "0"] = realTime;
  const number = base.startsWith("MIN") ? SIGRTMIN + Number(plus) : SIGRTMAX - Number(minus);
  return number >= SIGRTMIN && number <= SIGRTMAX ? number : undefined;
}
