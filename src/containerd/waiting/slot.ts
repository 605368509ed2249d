// SPDX-License-Identifier: MIT
// The place where a process waits for a `start`.
import { parentDir } from "../../linux/fs/path_names.ts";
import { sleep } from "../../linux/event_loop/timer.ts";
import { O_NONBLOCK, O_RDWR, OwnedFd, writeAll } from "../../linux/fd/fd.ts";
import { mkfifo } from "../../linux/fd/fifo.ts";
import { FileLock } from "../../linux/fd/file_lock.ts";
import { exists } from "../../linux/fs/exists.ts";
import { ifThere } from "../../linux/fs/if_there.ts";
import { removeTree } from "../../linux/fs/remove_tree.ts";
import { removeFile } from "../../linux/fs/remove_file.ts";
import { isAlive, killIfSame, startTime } from "../../linux/process/process.ts";
import { SIGKILL } from "../../linux/process/signals.ts";

/** How long a shell that has claimed a slot may take to ask, in milliseconds. */
export const ASK_WITHIN = 5000;

/** How long a claimed slot may stay in use, in milliseconds; then another process kills its owner. */
const USED_WITHIN = 10_000;

/** Delay between two looks at a slot that is in use, in milliseconds. */
const LOOK_EVERY = 20;

/** The prefix of directories that are not in place yet, or no more. */
const DRAFT = ".";

/** The suffix of files that name the process that is being started for a slot. */
const NEXT = ".next";

/** How a process takes the slot. */
export interface TakeOptions {
  /**
   * Whether the process has been a shim, and was not started to wait: then it does not wait for a slot
   * that is in use, and says nothing of one that is being started.
   */
  readonly again?: boolean;
}

/** A process that waits in a slot, or is being started for it; its start time tells it from others. */
interface Owner {
  readonly pid: number;
  readonly startTime: number;
}

/**
 * The place where one process waits for a `start`, a directory: the FIFO `ask`, to which a shell writes
 * its identity; the FIFO `answer`; `owner`, the pid and start time of the process that waits; and
 * `claim`, which is made once: by the shell that may ask, whose pid it holds, or by the owner when it
 * stops waiting.
 */
export class Slot implements Disposable {
  /** The FIFO from which the line of the shell that asks is read. */
  readonly ask: OwnedFd;
  /** The FIFO to which {@linkcode say} writes, and which that shell holds open too. */
  readonly answer: OwnedFd;
  readonly #path: string;
  #removed = false;

  private constructor(path: string, ask: OwnedFd, answer: OwnedFd) {
    this.#path = path;
    this.ask = ask;
    this.answer = answer;
  }

  /**
   * Takes the slot at `path`. Undefined where another process waits there. One whose slot is claimed
   * and not given up in time is killed: it hangs.
   *
   * @throws what the file system throws
   */
  static async take(path: string, { again = false }: TakeOptions = {}): Promise<Slot | undefined> {
    const root = parentDir(path);
    makeRoot(root);
    try {
      for (let waited = 0;; waited += LOOK_EVERY) {
        {
          using _lock = await FileLock.lock(root, { directory: true });
          const owner = ownerOf(path);
          if (owner === undefined || !isAlive(owner.pid, owner.startTime)) {
            clean(root);
            return Slot.#make(path, root);
          }
          if (again || !exists(`${path}/claim`)) return undefined;
          if (waited >= USED_WITHIN) killIfSame(owner.pid, owner.startTime, SIGKILL);
        }
        await sleep(LOOK_EVERY);
      }
    } finally {
      // The shells that would start one more look whether this is there.
      if (!again) removeFile(`${path}${NEXT}`);
    }
  }

  static #make(path: string, root: string): Slot {
    const draft = makeDraft(root);
    const open = (name: string) => {
      mkfifo(`${draft}/${name}`);
      return OwnedFd.open(`${draft}/${name}`, O_RDWR | O_NONBLOCK);
    };
    const slot = new Slot(path, open("ask"), open("answer"));
    Deno.renameSync(draft, path);
    return slot;
  }

  /** Claims the slot, so that no shell will ask. Returns whether none was faster. */
  claim(): boolean {
    try {
      Deno.openSync(`${this.#path}/claim`, { write: true, createNew: true }).close();
      return true;
    } catch (error) {
      if (error instanceof Deno.errors.AlreadyExists) return false;
      // Someone has removed the directory.
      if (error instanceof Deno.errors.NotFound) return true;
      throw error;
    }
  }

  /** Returns the pid of the shell that may ask; NaN if none may. */
  claimant(): number {
    return exists(`${this.#path}/claim`)
      ? Number(Deno.readTextFileSync(`${this.#path}/claim`).trim() || NaN)
      : NaN;
  }

  /** Writes a line for the shell that asks; its pid is in front, so that no other shell takes it. */
  say(kind: string, pid: number, text = ""): void {
    const line = `${kind} ${pid}${text && " "}${text.replaceAll("\n", " ")}\n`;
    writeAll(this.answer.fd, new TextEncoder().encode(line));
  }

  /** Makes room for another process; the shell that asks can be answered still. */
  remove(): void {
    if (this.#removed) return;
    this.#removed = true;
    // A slow shell may have written it when this process had long waited.
    if (readOwner(`${this.#path}${NEXT}`)?.pid === Deno.pid) removeFile(`${this.#path}${NEXT}`);
    // Where someone has removed the directory, another process may have the place.
    if (ownerOf(this.#path)?.pid !== Deno.pid) return;
    const gone = draftIn(parentDir(this.#path));
    Deno.renameSync(this.#path, gone);
    removeTree(gone);
  }

  [Symbol.dispose](): void {
    this.remove();
    this.ask[Symbol.dispose]();
    this.answer[Symbol.dispose]();
  }
}

/**
 * Makes a directory of this process's own beside the slot at `path`, calls `use` with it, and removes
 * it. Where this process is killed, another one removes it.
 *
 * @throws what the file system throws
 */
export async function withDraft<T>(path: string, use: (dir: string) => Promise<T>): Promise<T> {
  const root = parentDir(path);
  makeRoot(root);
  let dir: string;
  {
    using _lock = await FileLock.lock(root, { directory: true });
    dir = makeDraft(root);
  }
  try {
    return await use(dir);
  } finally {
    removeTree(dir);
  }
}

/** Makes the directory that becomes a slot. The lock is held, or {@linkcode clean} might see a part. */
function makeDraft(root: string): string {
  const dir = draftIn(root);
  Deno.mkdirSync(dir, { mode: 0o700 });
  Deno.writeTextFileSync(`${dir}/owner`, `${Deno.pid} ${startTime(Deno.pid) ?? 0}\n`);
  return dir;
}

function draftIn(root: string): string {
  return `${root}/${DRAFT}${Deno.pid}`;
}

function makeRoot(root: string): void {
  Deno.mkdirSync(root, { recursive: true, mode: 0o700 });
  const { isDirectory, uid, mode } = Deno.lstatSync(root);
  if (!isDirectory || uid !== Deno.uid() || ((mode ?? 0) & 0o77) !== 0) {
    throw new Error(`${root} can be used by others`);
  }
}

/** Removes leftovers of killed processes; the lock keeps others away. */
function clean(root: string): void {
  for (const { name, isDirectory } of Array.from(Deno.readDirSync(root))) {
    const path = `${root}/${name}`;
    if (isDirectory) {
      const owner = ownerOf(path);
      const used = owner !== undefined && isAlive(owner.pid, owner.startTime);
      if (!used) removeTree(path);
    } else if (name.endsWith(NEXT)) {
      const next = readOwner(path);
      if (next !== undefined && !isAlive(next.pid, next.startTime)) removeFile(path);
    }
  }
}

function ownerOf(path: string): Owner | undefined {
  return readOwner(`${path}/owner`);
}

/** Reads a pid and a start time; undefined where they are not there, or not whole yet. */
function readOwner(path: string): Owner | undefined {
  const text = ifThere(() => Deno.readTextFileSync(path)) ?? "";
  const [, pid, startTime] = /^(\d+) (\d+)\n$/.exec(text) ?? [];
  return pid === undefined ? undefined : { pid: Number(pid), startTime: Number(startTime) };
}
