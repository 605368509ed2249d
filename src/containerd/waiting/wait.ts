// SPDX-License-Identifier: MIT
import { after, MAX_TIMER_MS } from "../../linux/event_loop/timer.ts";
import { readAvailable } from "../../linux/fd/fd.ts";
import { Poller } from "../../linux/fd/poller.ts";
import { tryStat } from "../../linux/fs/try_stat.ts";
import { Pidfd } from "../../linux/process/pidfd.ts";
import { setProcessName } from "../../linux/process/process.ts";
import { setsid } from "../../linux/process/session.ts";
import { processStat } from "../../linux/process/stat.ts";
import { messageOf } from "../../rpc/error_text.ts";
import { readInput } from "../bootstrap/answer.ts";
import { groupOf, readBootstrap } from "../bootstrap/params.ts";
import { isServed } from "../../rpc/transport/socket_file.ts";
import { socketPath } from "../bootstrap/socket.ts";
import { parseFlags } from "../flags.ts";
import { stay } from "../stay.ts";
import { type Caller, readCaller } from "./caller.ts";
import { readOptions } from "../task/options.ts";
import { placeOf } from "./place.ts";
import { ASK_WITHIN, Slot } from "./slot.ts";

/** The environment variable that says for how many seconds a process waits for a `start`. */
const IDLE_VARIABLE = "BERTH_SHIM_IDLE";

/** For how many seconds a process waits where the variable is not set. */
const IDLE_SECONDS = 300;

/**
 * Waits in the slot at `path` for a shell that containerd calls as `start`, and is then the shim that
 * the shell would have started. One process waits for each containerd; it ends with containerd, and
 * when no `start` has come for some minutes.
 *
 * The shell writes its pid and the number of its arguments. It reads `no` where it has to start a
 * shim after all; else `taken`, from where on its stdin is being read, and the answer: `ok`; `had`,
 * where the container's group has a shim, and this process goes on waiting; or `error`.
 *
 * @param containerd the pid of containerd; a `start` of another process is not taken.
 */
export async function wait(path: string, containerd: number): Promise<void> {
  setProcessName("berth-waiting");
  setsid();
  Deno.chdir("/");
  const files = filesOf();
  await rehearse().catch(() => {
    // What is wrong will be so of a start, which says it.
  });
  {
    using parent = Pidfd.open(containerd);
    await using poller = new Poller();
    const idle = idleMs(Deno.env.get(IDLE_VARIABLE));
    for (let stays = false; !stays;) {
      using slot = await Slot.take(path);
      const asked = slot && await nextAsked(slot, { poller, parent, idle });
      if (slot === undefined || asked === undefined) {
        slot?.[Symbol.dispose]();
        Deno.exit(0);
      }
      const caller = files === filesOf() ? tryReadCaller(asked, containerd, slot) : undefined;
      // Nothing of this process is in the way of the next any more.
      slot.remove();
      if (caller === undefined) {
        slot.say("no", asked.pid);
        Deno.exit(0);
      }
      slot.say("taken", asked.pid);
      stays = await answer(slot, asked.pid, caller);
    }
  }
}

/** Returns for how many milliseconds a process waits, where the variable is `seconds`. */
function idleMs(seconds: string | undefined): number {
  return Math.min(1000 * (Math.max(0, Number(seconds)) || IDLE_SECONDS), MAX_TIMER_MS);
}

/** Does what takes longest at its first time, without an effect, while no `start` waits for it. */
async function rehearse(): Promise<void> {
  placeOf("self");
  processStat("self");
  const { id, namespace, address } = parseFlags([]);
  const { socketDir: dir } = readBootstrap(new Uint8Array(), { id, namespace });
  const group = groupOf(undefined, id);
  await isServed(await socketPath({ dir, namespace, address, group }));
  await readOptions(undefined);
}

/** Answers as the shim of the container's group. Returns whether this process is that now. */
async function answer(slot: Slot, pid: number, caller: Caller): Promise<boolean> {
  try {
    const { stdin, ...call } = caller;
    let input: Uint8Array;
    {
      using _closed = stdin;
      input = readInput(stdin.fd);
    }
    const { text, stays } = await stay({ ...call, input });
    slot.say(stays ? "ok" : "had", pid, text);
    return stays;
  } catch (error) {
    slot.say("error", pid, messageOf(error));
    Deno.exit(1);
  }
}

/** What a shell that asks says of itself. */
interface Line {
  readonly pid: number;
  readonly count: number;
}

interface WaitOptions {
  readonly poller: Poller;
  /** containerd. */
  readonly parent: Pidfd;
  /** For how long no shell may ask, in milliseconds. */
  readonly idle: number;
}

/** Waits until the shell that has claimed the slot asks; undefined if none does, or not as it should. */
async function nextAsked(
  slot: Slot,
  { poller, parent, idle }: WaitOptions,
): Promise<Line | undefined> {
  const buffer = new Uint8Array(256);
  const line = async (ms: number): Promise<Line | undefined> => {
    const over = new AbortController();
    const { signal } = over;
    using _timer = after(ms, () => over.abort());
    using _ended = poller.add(parent.fd, () => over.abort());
    for (;;) {
      const count = readAvailable(slot.ask.fd, buffer);
      if (count !== undefined) {
        const text = new TextDecoder().decode(buffer.subarray(0, count));
        const [, pid, words] = /^(\d+) (\d+)\n$/.exec(text) ?? [];
        return { pid: Number(pid), count: Number(words) };
      }
      try {
        await poller.wait(slot.ask.fd, "readable", { signal });
      } catch (error) {
        if (!signal.aborted) throw error;
        return undefined;
      }
    }
  };
  const found = await line(idle) ?? (slot.claim() ? undefined : await line(ASK_WITHIN));
  return found?.pid === slot.claimant() ? found : undefined;
}

function tryReadCaller(line: Line, parent: number, slot: Slot): Caller | undefined {
  try {
    const answer = Deno.statSync(`/proc/self/fd/${slot.answer.fd}`);
    return readCaller({ ...line, parent, answer });
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
