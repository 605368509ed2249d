// SPDX-License-Identifier: MIT
import { getLogger } from "@logtape/logtape";
import { namesEnding } from "../../linux/fs/dir_entries.ts";
import { removeFile } from "../../linux/fs/remove_file.ts";
import { writeAtomic } from "../../linux/fs/write_atomic.ts";
import { bootId } from "../../linux/process/boot_id.ts";
import type { BundleRecord } from "../../oci/bundle_layout.ts";
import { readJson } from "../../oci/json_file.ts";
import { stringifyJson } from "../../rpc/json.ts";
import { removeLog } from "../create/log.ts";
import { removeRecordedDirs } from "../create/own_dirs.ts";
import { logFailure } from "../util/log_failure.ts";
import { logUnwritten } from "./tolerant_files.ts";

/** The files of a container with `autoRemove` below the root directory. */
interface AutoRemoveRecord extends Pick<BundleRecord, "autoRemove" | "log" | "removeDirs"> {
  /** The boot that the container was created in. Records of earlier versions have none. */
  readonly bootId?: string;
}

/**
 * The records of containers with `autoRemove`, `<root>/autoremove/<id>.json`: bundles go with a reboot,
 * and what these containers have below the root directory does not.
 */
export class AutoRemoveRecords {
  readonly #dir: string;

  /** Records below the root directory. */
  constructor(root: string) {
    this.#dir = `${root}/autoremove`;
  }

  /**
   * Records a container that is being created. A record of an earlier one of its id, which could not be
   * removed, is forgotten: the directories of both may be the same.
   */
  add(
    { id, autoRemove, log, removeDirs }: Pick<
      BundleRecord,
      "id" | "autoRemove" | "log" | "removeDirs"
    >,
  ): void {
    try {
      if (!autoRemove || (!log?.own && removeDirs === undefined)) return this.remove(id);
      const record: AutoRemoveRecord = { autoRemove, bootId: bootId(), log, removeDirs };
      Deno.mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
      writeAtomic(this.#path(id), stringifyJson(record));
    } catch (error) {
      logUnwritten(id, error);
    }
  }

  /** Removes the record of a container that is gone. */
  remove(id: string): void {
    removeFile(this.#path(id));
  }

  /**
   * Removes the files of containers that went down with the machine. A container of this boot may be
   * alive although it is not there: its bundle is in another state directory, or was removed by hand.
   */
  removeLeft(isThere: (id: string) => boolean): void {
    for (const id of namesEnding(this.#dir, ".json")) {
      if (isThere(id)) continue;
      try {
        const record = readJson<AutoRemoveRecord>(this.#path(id));
        if (record?.bootId === undefined || record.bootId === bootId()) continue;
        removeLog(record.log);
        removeRecordedDirs(record);
        this.remove(id);
        getLogger(["berth", "container"]).info(
          "{id}: removed its files, which the reboot had left",
          {
            id,
          },
        );
      } catch (error) {
        logFailure("warn", "container", "{id}: cannot remove what it has left: {reason}", error, {
          id,
        });
        // `berth prune` removes its files.
        if (error instanceof SyntaxError) this.remove(id);
      }
    }
  }

  #path(id: string): string {
    return `${this.#dir}/${id}.json`;
  }
}
