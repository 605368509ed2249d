// SPDX-License-Identifier: MIT
import { failpoint, failpointAsync } from "../../failpoint.ts";
import { after, MAX_TIMER_MS, sleep } from "../../linux/event_loop/timer.ts";
import { Poller } from "../../linux/fd/poller.ts";
import { tryStat } from "../../linux/fs/try_stat.ts";
import { Pidfd } from "../../linux/process/pidfd.ts";
import { setProcessName } from "../../linux/process/process.ts";
import { setsid } from "../../linux/process/session.ts";
import { messageOf } from "../../error_text.ts";
import { readInput } from "../bootstrap/answer.ts";
import { becomeGroupShim, END_SIGNALS } from "../become_group_shim.ts";
import { nextRequest, type StartRequest } from "./next_request.ts";
import { type Caller, readCaller } from "./caller.ts";
import { rehearse } from "./rehearse.ts";
import { Slot, type TakeOptions } from "./slot.ts";

/** The environment variable that says for how many seconds a process waits for a `start`. */
const IDLE_VARIABLE = "BERTH_SHIM_IDLE";

/** For how many seconds a process waits where the variable is not set. */
const IDLE_SECONDS = 300;

/** The suffix of the path of the second slot. */
const SECOND = "-2";

/** For how long a process waits in the second slot at most, in milliseconds: while there is a rush. */
const SECOND_MS = 60_000;

/**
 * How many shims a process is one after the other: with each it holds some more memory, which the last
 * one, that may stay, should not pay for.
 */
const MOST_LIVES = 32;

/** How often this looks whether the files of a shim are closed, and the delay between, in milliseconds. */
const CLOSE_TRIES = 200, CLOSE_DELAY = 5;

/** How long the rehearsal may take, in milliseconds. */
const REHEARSAL_MS = 30_000;

/**
 * Waits in the slot at `path` for a shell that containerd calls as `start`, and is then the shim that
 * the shell would have started. When that has ended it waits again, which spares the next container the
 * start of a process. One process waits for each containerd, two while containers come and go; they
 * end with containerd, and when no `start` has come for some minutes.
 *
 * The shell writes its pid and the number of its arguments. It reads `no` where it has to start a
 * shim after all; else `taken`, from where on its stdin is being read, and the answer: `ok`; `had`,
 * where the container's group has a shim, and this process goes on waiting; or `error`.
 *
 * @param containerd the pid of containerd; a `start` of another process is not taken.
 */
export async function wait(path: string, containerd: number): Promise<void> {
  setsid();
  Deno.chdir("/");
  let isShim = false;
  // Without a listener from the beginning the signals would be lost between two lives.
  for (const signal of END_SIGNALS) Deno.addSignalListener(signal, () => isShim || Deno.exit(0));
  const waiting: Waiting = {
    path,
    containerd,
    parent: Pidfd.open(containerd),
    files: filesOf(),
    idle: idleMs(Deno.env.get(IDLE_VARIABLE)),
    onShim: () => isShim = true,
  };
  setProcessName("berth-waiting");
  {
    // A start of containerd's does without it meanwhile.
    using _late = after(REHEARSAL_MS, () => Deno.exit(0));
    if (!await rehearse(path, containerd)) Deno.exit(0);
  }
  const fds = new Set(openFiles());
  for (let count = 0, clean = true; clean && count < MOST_LIVES; count++) {
    setProcessName("berth-waiting");
    const { ended } = await waitToBeShim(waiting, { again: count > 0 });
    clean = await ended;
    // From here on no shim is there that would hear a signal.
    isShim = false;
    clean &&= await holdsOnly(fds);
  }
  Deno.exit(0);
}

/** The settings of a process that waits. */
interface Waiting {
  /** Where the first slot is. */
  readonly path: string;
  readonly containerd: number;
  /** containerd. */
  readonly parent: Pidfd;
  /** The result of {@linkcode filesOf} at the beginning. */
  readonly files: string;
  /** For how long no shell may ask, in milliseconds. */
  readonly idle: number;
  /** Called when this process is a shim, before the shell gets its answer. */
  readonly onShim: () => void;
}

/** The time for which this process is a shim. */
interface Life {
  /** Resolves when it is none any more; with whether it can be another one. */
  readonly ended: Promise<boolean>;
}

/** Waits until this process is a shim; ends it where it waits for nothing. */
async function waitToBeShim(waiting: Waiting, how: TakeOptions): Promise<Life> {
  await using poller = new Poller();
  for (;;) {
    using taken = await takeSlot(waiting, how);
    const asked = taken && await nextRequest(taken.slot, { ...waiting, idle: taken.idle, poller });
    if (taken === undefined || asked === undefined) {
      taken?.[Symbol.dispose]();
      Deno.exit(0);
    }
    const { slot } = taken;
    failpoint("waiting.asked");
    const caller = waiting.files === filesOf()
      ? tryReadCaller(asked, waiting.containerd, slot)
      : undefined;
    // Until then the shell has this process killed should it hang, which takes the slot's owner.
    slot.say(caller === undefined ? "no" : "taken", asked.pid);
    failpoint("waiting.said");
    // Nothing of this process is in the way of the next any more.
    slot.remove();
    if (caller === undefined) Deno.exit(0);
    const life = await answer(waiting, { slot, pid: asked.pid, caller });
    if (life !== undefined) return life;
  }
}

interface Taken extends Disposable {
  readonly slot: Slot;
  readonly idle: number;
}

/** Takes one of the slots; undefined where a process waits in each. */
async function takeSlot({ path, idle }: Waiting, how: TakeOptions): Promise<Taken | undefined> {
  const places = [[path, idle], [`${path}${SECOND}`, Math.min(idle, SECOND_MS)]] as const;
  for (const [place, idle] of places) {
    const slot = await Slot.take(place, how);
    if (slot !== undefined) return { slot, idle, [Symbol.dispose]: () => slot[Symbol.dispose]() };
  }
  return undefined;
}

/** Waits until this process has nothing open but `files`. False where that is not soon the case. */
async function holdsOnly(files: ReadonlySet<string>): Promise<boolean> {
  // Deno closes a connection some turns of its event loop after it was told to.
  for (let tries = 0; tries < CLOSE_TRIES; tries++) {
    if (openFiles().every((file) => files.has(file))) return true;
    await sleep(CLOSE_DELAY);
  }
  return false;
}

/** Returns the files that the fds of this process are open on. */
function openFiles(): string[] {
  return Array.from(Deno.readDirSync("/proc/self/fd")).flatMap(({ name }) => {
    try {
      return Deno.readLinkSync(`/proc/self/fd/${name}`);
    } catch (error) {
      // The fd by which the directory was read.
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  });
}

/** Returns for how many milliseconds a process waits, where the variable is `seconds`. */
function idleMs(seconds: string | undefined): number {
  return Math.min(1000 * (Math.max(0, Number(seconds)) || IDLE_SECONDS), MAX_TIMER_MS);
}

/** A shell that this process has said to that it takes the start. */
interface Start {
  readonly slot: Slot;
  readonly pid: number;
  readonly caller: Caller;
}

/** Answers as the shim of the container's group. Returns undefined where the group has another. */
async function answer(
  { onShim }: Waiting,
  { slot, pid, caller }: Start,
): Promise<Life | undefined> {
  try {
    const { stdin, ...call } = caller;
    let input: Uint8Array;
    {
      using _closed = stdin;
      input = readInput(stdin.fd);
    }
    const { promise: ended, resolve: onDone } = Promise.withResolvers<boolean>();
    const { text, stays } = await becomeGroupShim({ ...call, input, onDone });
    failpoint("waiting.stays");
    if (stays) {
      setProcessName("berth-shim");
      onShim();
    }
    slot.say(stays ? "ok" : "had", pid, text);
    await failpointAsync("waiting.answered");
    return stays ? { ended } : undefined;
  } catch (error) {
    slot.say("error", pid, messageOf(error));
    Deno.exit(1);
  }
}

function tryReadCaller(request: StartRequest, parent: number, slot: Slot): Caller | undefined {
  try {
    const answer = Deno.statSync(`/proc/self/fd/${slot.answer.fd}`);
    return readCaller({ ...request, parent, answer });
  } catch {
    // Whatever it is that cannot be read: the shell then starts a shim.
    return undefined;
  }
}

/** Identifies the files that this process runs from, which an upgrade replaces. */
function filesOf(): string {
  const program = Deno.readLinkSync("/proc/self/exe");
  const main = Deno.build.standalone ? [] : [decodeURIComponent(new URL(Deno.mainModule).pathname)];
  return [program, ...main].map((path) => {
    const stat = tryStat(path);
    return `${path} ${stat?.dev} ${stat?.ino} ${stat?.size} ${stat?.mtime?.getTime()}`;
  }).join("\n");
}
