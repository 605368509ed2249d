// SPDX-License-Identifier: MIT
import { setProcessName } from "../linux/process/process.ts";
import { setsid } from "../linux/process/session.ts";
import { messageOf } from "../error_text.ts";
import { readInput, sendAnswer } from "./bootstrap/answer.ts";
import { becomeGroupShim } from "./become_group_shim.ts";
import { wait } from "./waiting/wait.ts";

/**
 * Runs the process that stays: answers on stdout where the shim of the container's group listens,
 * and becomes that shim unless there is one. Reads what `start` was given on stdin.
 *
 * @param args the pid of containerd, whose OOM score the shim's is one above, then the arguments of
 *   `start`; or `wait` and what {@linkcode wait} takes.
 */
export async function serve(args: readonly string[]): Promise<void> {
  const [first, ...rest] = args;
  if (first === "wait") return await wait(rest[0] ?? "", Number(rest[1]));
  setProcessName("berth-shim");
  setsid();
  try {
    const call = { parent: Number(first), args: rest, bundle: Deno.cwd(), input: readInput() };
    const { text, stays } = await becomeGroupShim(call);
    sendAnswer({ ok: text });
    if (!stays) Deno.exit(0);
    // The bundle goes away before this process does.
    Deno.chdir("/");
  } catch (error) {
    sendAnswer({ error: messageOf(error) });
    Deno.exit(1);
  }
}

// As `start` runs it where it is a file of its own.
if (import.meta.main) await serve(Deno.args.slice(1));
