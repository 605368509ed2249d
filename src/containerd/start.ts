// SPDX-License-Identifier: MIT
import { OwnedFd, pipe2 } from "../linux/fd/fd.ts";
import { spawnProcess } from "../linux/process/spawn.ts";
import { processStat } from "../linux/process/stat.ts";
import { readAnswer } from "./bootstrap/answer.ts";

const STDIN = 0;

/**
 * `start`: starts the process that stays, hands its own stdin to it, and prints what it answers.
 * Returns the exit status.
 *
 * @param command runs this berth as that process, with the arguments that follow it.
 * @param args those that containerd has given.
 */
export function start(command: readonly string[], args: readonly string[]): number {
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
  if ("error" in answer) {
    console.error(answer.error);
    return 1;
  }
  Deno.stdout.writeSync(new TextEncoder().encode(answer.ok));
  return 0;
}
