// SPDX-License-Identifier: MIT
// The call `start`, as it runs without a waiting process.
import { OwnedFd, pipe2 } from "../linux/fd/fd.ts";
import { spawnProcess } from "../linux/process/spawn.ts";
import { processStat } from "../linux/process/stat.ts";
import { readAnswer } from "./bootstrap/answer.ts";
import { removeSocketOf } from "./bootstrap/socket.ts";

const STDIN = 0;

/**
 * Runs `start`: starts the process that stays, hands its own stdin to it, and prints its answer.
 * Returns the exit status.
 *
 * @param command The command that runs this berth as that process, with further arguments.
 * @param args The arguments that containerd has given.
 */
export async function start(
  command: readonly string[],
  args: readonly string[],
): Promise<number> {
  const parent = processStat("self")?.parent ?? 0;
  const pipe = pipe2();
  using reading = new OwnedFd(pipe.read);
  {
    using writing = new OwnedFd(pipe.write);
    spawnProcess([...command, "serve", String(parent), ...args], {
      stdin: STDIN,
      stdout: writing.fd,
      setsid: true,
    });
  }
  const answer = readAnswer(reading.fd);
  if (answer === undefined) return await startFailed();
  if ("error" in answer) {
    console.error(answer.error);
    return 1;
  }
  Deno.stdout.writeSync(new TextEncoder().encode(answer.ok));
  return 0;
}

/**
 * Reports that the shim that was started for the bundle in the working directory has ended without
 * an answer, and removes its socket: containerd does not call `delete` then. Returns the exit status.
 */
export async function startFailed(): Promise<number> {
  console.error("the shim has ended before it could be reached");
  await removeSocketOf(Deno.cwd());
  return 1;
}
