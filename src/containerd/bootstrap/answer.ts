// SPDX-License-Identifier: MIT
// The input and the answer of `start`, over the pipes of its process.
import { close, dup2, O_RDWR, open, read, writeAll } from "../../linux/fd/fd.ts";
import { ifThere } from "../../linux/fs/if_there.ts";

const STDIN = 0, STDOUT = 1;

/** The most that containerd may give on stdin, in bytes. */
const MAX_INPUT = 10 * 1024 * 1024;

/** The most that a shim may answer to `start`, in bytes. */
const MAX_ANSWER = 64 * 1024;

/** The answer of the process that stays to its `start`: a line, for a shell reads it. */
export type Answer =
  | { readonly ok: string }
  | { readonly error: string };

/** Reads the input of `start`, on this process's stdin or another fd, to its end. */
export function readInput(fd = STDIN): Uint8Array {
  const parts: Uint8Array[] = [];
  const buffer = new Uint8Array(64 * 1024);
  for (let size = 0; size < MAX_INPUT;) {
    const count = read(fd, buffer);
    if (count === 0) break;
    parts.push(buffer.slice(0, count));
    size += count;
  }
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

/** Writes the answer to stdout and closes the fds that `start` gave this process. */
export function sendAnswer(answer: Answer): void {
  const line = "ok" in answer ? `ok ${answer.ok}` : `error ${answer.error.replaceAll("\n", " ")}`;
  writeAll(STDOUT, new TextEncoder().encode(`${line}\n`));
  letGo();
}

/**
 * Puts /dev/null in the place of stdin and stdout, and of each copy of them: a caller that waits
 * for the end of a pipe waits for all that hold it, and Deno has copies of its own.
 */
function letGo(): void {
  const given = [STDIN, STDOUT].map(targetOf).filter((target) => target.startsWith("pipe:"));
  const nothing = open("/dev/null", O_RDWR);
  for (const { name } of Array.from(Deno.readDirSync("/proc/self/fd"))) {
    const fd = Number(name);
    if (fd <= STDOUT || given.includes(targetOf(fd))) dup2(nothing, fd);
  }
  close(nothing);
}

/** Returns the file that an fd is open on; empty where it is closed. */
function targetOf(fd: number): string {
  return ifThere(() => Deno.readLinkSync(`/proc/self/fd/${fd}`)) ?? "";
}

/**
 * Reads the answer of a process that was started with `fd` as its stdout; undefined where it has ended
 * without one.
 */
export function readAnswer(fd: number): Answer | undefined {
  let text = "";
  const buffer = new Uint8Array(4096);
  while (!text.includes("\n") && text.length < MAX_ANSWER) {
    const count = read(fd, buffer);
    if (count === 0) break;
    text += new TextDecoder().decode(buffer.subarray(0, count));
  }
  const [, kind, said = ""] = /^(ok|error) (.*)\n$/.exec(text) ?? [];
  if (kind === undefined) return undefined;
  return kind === "ok" ? { ok: said } : { error: said };
}
