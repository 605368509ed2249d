// SPDX-License-Identifier: MIT
import { getLogger } from "@logtape/logtape";
import { removeFile } from "../../linux/fs/remove_file.ts";
import type { MountInfo } from "../../linux/mount/mountinfo.ts";
import { bootId } from "../../linux/process/boot_id.ts";
import { findCgroup2, keepMount, putBack } from "../../oci/driver/keep_mount.ts";
import { tryReadJson, writeJsonAtomic } from "../../oci/json_file.ts";
import { logFailure } from "../util/log_failure.ts";

/** What an earlier daemon has left. */
interface Note {
  readonly bootId: string;
  readonly mount: MountInfo;
}

/**
 * Keeps the options of the host's cgroup v2 while CRIU runs, or a runtime that mounts it. Of CRIU a shim
 * does, too: whichever of the two is killed meanwhile, the other puts them back. For the next daemon they
 * are in `<state>/cgroup2-options` as long.
 */
export class MountKeeper {
  readonly #note: string;
  readonly #find: () => MountInfo | undefined;
  /** The mount as it was before the first of the calls that run. */
  #before: MountInfo | undefined;
  #running = 0;

  private constructor(state: string, find: () => MountInfo | undefined) {
    this.#note = `${state}/cgroup2-options`;
    this.#find = find;
  }

  /**
   * Returns a keeper, once the options are back that a killed daemon and shim have not put back.
   *
   * @param find returns a mount of the file system.
   */
  static open(state: string, find = findCgroup2): MountKeeper {
    const keeper = new MountKeeper(state, find);
    attempt("put back", () => {
      const note = tryReadJson<Note>(keeper.#note);
      if (note?.bootId === bootId()) putBack(note.mount);
    });
    keeper.#removeNote();
    return keeper;
  }

  /** Does `work`, after which the file system has its options again, unless a warning was logged. */
  async keep<T>(work: () => Promise<T>): Promise<T> {
    const warn = (reason: string) => getLogger(["berth", "container"]).warn("{reason}", { reason });
    this.#running++;
    try {
      return await keepMount(work, warn, () => this.#before ??= this.#take());
    } finally {
      if (--this.#running === 0) {
        this.#before = undefined;
        this.#removeNote();
      }
    }
  }

  #take(): MountInfo | undefined {
    const mount = this.#find();
    if (mount !== undefined) {
      attempt("note", () => writeJsonAtomic(this.#note, { bootId: bootId(), mount }));
    }
    return mount;
  }

  #removeNote(): void {
    attempt("remove the note of", () => removeFile(this.#note));
  }
}

function attempt(what: "put back" | "note" | "remove the note of", step: () => void): void {
  try {
    step();
  } catch (error) {
    const message = "cannot {what} the options of cgroup v2: {reason}";
    logFailure("warn", "container", message, error, { what });
  }
}
