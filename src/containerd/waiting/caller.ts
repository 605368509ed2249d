// SPDX-License-Identifier: MIT
import { O_NOCTTY, O_NONBLOCK, O_RDONLY, OwnedFd, setNonblocking } from "../../linux/fd/fd.ts";
import { FILE_LIMIT_VARIABLE } from "../../linux/process/file_limit.ts";
import { processStat } from "../../linux/process/stat.ts";
import type { StartCall } from "../become_group_shim.ts";
import type { StartRequest } from "./next_request.ts";
import { softFileLimit, surroundingsOf } from "./surroundings.ts";

/**
 * The fds of the shell that was called as `start`: a copy of its stdin, which is another file while it
 * reads the answer, and that on which it reads the answer.
 */
const INPUT = 3, ANSWER = 5;

/** The shell that was called as `start`, as /proc shows it. */
export interface Caller extends Omit<StartCall, "input"> {
  /** The environment that containerd has given it. */
  readonly env: Readonly<Record<string, string>>;
  /** Its stdin, opened anew, of which nothing was read. */
  readonly stdin: OwnedFd;
}

/** The line of a shell that asks, with what shows that it is the right one. */
export interface ClaimedRequest extends StartRequest {
  /** The process that must have started it: containerd. */
  readonly parent: number;
  /** The FIFO on which it waits, which tells the process from one of another pid namespace. */
  readonly answer: Deno.FileInfo;
}

/**
 * Reads from /proc how a shell was called; nothing is taken from it. Undefined where it has another
 * parent, or a child of the shell would have other surroundings than this process (see
 * {@linkcode surroundingsOf}).
 *
 * @throws what the file system throws; TypeError if an argument or variable is not UTF-8
 */
export function readCaller({ pid, count, parent, answer }: ClaimedRequest): Caller | undefined {
  const dir = `/proc/${pid}`;
  if (processStat(pid)?.parent !== parent) return undefined;
  const held = Deno.statSync(`${dir}/fd/${ANSWER}`);
  if (held.dev !== answer.dev || held.ino !== answer.ino) return undefined;
  if (surroundingsOf(pid) !== surroundingsOf("self")) return undefined;
  const words = readWords(`${dir}/cmdline`);
  const limit = softFileLimit(pid);
  if (words.length < count || limit === undefined) return undefined;
  const variables = readWords(`${dir}/environ`).map((word) => /^([^=]+)=([^]*)$/.exec(word));
  const env = Object.fromEntries(variables.flatMap((match) => match ? [[match[1], match[2]]] : []));
  return {
    parent,
    args: words.slice(words.length - count),
    bundle: Deno.readLinkSync(`${dir}/cwd`),
    // As the shell sets them for what it starts itself.
    env: { ...env, [FILE_LIMIT_VARIABLE]: limit, DENO_NO_UPDATE_CHECK: "1" },
    stdin: openStdin(pid),
  };
}

/**
 * Opens the stdin of a shell anew. The writers of a pipe may have gone already: to open it would then wait
 * for others (fifo(7)). A terminal would become that of this session.
 */
function openStdin(pid: number): OwnedFd {
  const stdin = OwnedFd.open(`/proc/${pid}/fd/${INPUT}`, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  setNonblocking(stdin.fd, false);
  return stdin;
}

function readWords(path: string): string[] {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(Deno.readFileSync(path));
  return text.split("\0").slice(0, -1);
}
