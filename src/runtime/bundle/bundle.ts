// SPDX-License-Identifier: MIT
import { parentDir } from "../../linux/fs/path_names.ts";
import { failpoint } from "../../failpoint.ts";
import { BUNDLE_FORMAT, bundlePaths } from "../../oci/bundle_layout.ts";
import { readJson, tryReadJson, writeJsonAtomic } from "../../oci/json_file.ts";
import type {
  BundlePaths,
  BundleRecord,
  ExitRecord,
  HostUser,
  ShimRecord,
} from "../../oci/bundle_layout.ts";
import { readExitRecord, writeExitRecord } from "../../oci/exit_record.ts";
import { tryReadPidFile } from "../../oci/pid_file.ts";
import { exists } from "../../linux/fs/exists.ts";
import { removeFile } from "../../linux/fs/remove_file.ts";
import { removeTree } from "../../linux/fs/remove_tree.ts";
import { unmountAll } from "../../linux/mount/unmount.ts";
import { FailedPreconditionError } from "../../rpc/errors.ts";
import { stringifyJson } from "../../rpc/json.ts";
import { exhaustedOr } from "../util/exhausted_or.ts";
import { logFailure } from "../util/log_failure.ts";

/** One bundle directory, as the daemon makes, reads and removes it. */
export class Bundle {
  readonly paths: BundlePaths;
  readonly record: BundleRecord;
  #hasRemoval = false;

  private constructor(paths: BundlePaths, record: BundleRecord) {
    this.paths = paths;
    this.record = record;
  }

  /** The container's id. */
  get id(): string {
    return this.record.id;
  }

  /**
   * Makes the directory with `config.json`, `rootfs/` and, last and atomically, `berth.json`.
   * `claim` is called before that one is written. Leaves nothing behind when it throws.
   *
   * @throws {FailedPreconditionError} if the directory is there already.
   * @throws {ResourceExhaustedError} if the disk is full.
   */
  static create(
    dir: string,
    record: BundleRecord,
    spec: unknown,
    claim: () => void = () => {},
  ): Bundle {
    const paths = bundlePaths(dir);
    try {
      makeDir(dir, paths);
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) {
        throw exhaustedOr(error, "cannot write its bundle", record.id);
      }
      throw new FailedPreconditionError(
        `container ${record.id}: its bundle ${dir} is still there and not yet cleaned up`,
        { cause: error, data: { id: record.id } },
      );
    }
    try {
      if (record.mappedRoot !== undefined) openTo(record.mappedRoot, dir);
      Deno.mkdirSync(paths.rootfs, { mode: 0o755 });
      Deno.writeTextFileSync(paths.config, stringifyJson(spec), { mode: 0o600 });
      claim();
      failpoint("bundle.record");
      writeJsonAtomic(paths.record, record);
      return new Bundle(paths, record);
    } catch (error) {
      // A directory that stays is no bundle, and is removed when the id is used again.
      removeFlat(dir);
      throw exhaustedOr(error, "cannot write its bundle", record.id);
    }
  }

  /**
   * Reads the bundle in `dir`. Undefined where `berth.json` is missing: the daemon died before any
   * shim could know of the bundle, or within its removal, so that nothing but the directory exists.
   *
   * @throws {SyntaxError} if `berth.json` is damaged.
   * @throws {FailedPreconditionError} if another berth wrote it in a format unknown here.
   */
  static read(dir: string): Bundle | undefined {
    const paths = bundlePaths(dir);
    const record = readJson<BundleRecord>(paths.record);
    if (record === undefined) return undefined;
    if (record.format !== BUNDLE_FORMAT) {
      throw new FailedPreconditionError(
        `bundle ${dir} has format ${record.format}, this berth reads ${BUNDLE_FORMAT}`,
      );
    }
    return new Bundle(paths, record);
  }

  /** Returns the bundle in `dir` whose record is known, and may not be on the disk. */
  static of(dir: string, record: BundleRecord): Bundle {
    return new Bundle(bundlePaths(dir), record);
  }

  /** Returns the record of the shim that serves the bundle, if there is one and it is whole. */
  shimRecord(): ShimRecord | undefined {
    return tryReadJson<ShimRecord>(this.paths.shimRecord);
  }

  /** Returns how init ended, if that was recorded for this instance. */
  exitRecord(): ExitRecord | undefined {
    return readExitRecord(this.paths.exitRecord, this.record.instance);
  }

  /** Returns init's pid as the runtime wrote it; undefined where there is none. */
  initPid(): number | undefined {
    return tryReadPidFile(this.paths.initPid);
  }

  /**
   * Records how init ended where its shim could not. A full disk does not keep a container from being
   * removed: then it is not recorded.
   */
  recordExit(exit: Omit<ExitRecord, "instance">): void {
    try {
      writeExitRecord(this.paths.exitRecord, { instance: this.record.instance, ...exit });
    } catch (error) {
      logFailure("warn", "container", "{id}: cannot record its exit: {reason}", error, {
        id: this.id,
      });
    }
  }

  /**
   * Records that a removal which a client has asked for goes on after the call has failed. A full disk
   * does not keep the container from being removed: then only this daemon knows.
   */
  recordRemoval(): void {
    this.#hasRemoval = true;
    try {
      Deno.writeTextFileSync(this.paths.removal, "");
    } catch (error) {
      logFailure("warn", "container", "{id}: cannot record that it is removed: {reason}", error, {
        id: this.id,
      });
    }
  }

  /** Returns whether {@linkcode Bundle.recordRemoval} was called, by whichever daemon. */
  hasRemoval(): boolean {
    return this.#hasRemoval || exists(this.paths.removal);
  }

  /**
   * Unmounts whatever is mounted in it, and removes `rootfs/`: all that could stand in the way of its
   * removal.
   *
   * @throws {UnmountError} if a mount is busy.
   */
  unmount(): void {
    try {
      // Where nothing is mounted, which is most often so, this needs no look at the mount table.
      Deno.removeSync(this.paths.rootfs);
      return;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
    }
    unmountAll(this.paths.dir);
    Deno.removeSync(this.paths.rootfs, { recursive: true });
  }

  /** Removes the directory, `berth.json` first; see {@linkcode removeBundleDir}. */
  remove(): void {
    failpoint("bundle.remove");
    // First, so that a part of a bundle is none: without its `exit.json` the next daemon would not know
    // how the container ended.
    removeFile(this.paths.record);
    failpoint("bundle.removing");
    removeBundleDir(this.paths.dir);
  }
}

/**
 * Unmounts whatever is mounted below `dir` and removes it. Never removes through a live mount: what
 * cannot be unmounted stops the removal.
 *
 * @throws {UnmountError} if a mount is busy.
 */
export function removeBundleDir(dir: string): void {
  if (removeFlat(dir)) return;
  unmountAll(dir);
  removeTree(dir);
}

/**
 * Removes a bundle that holds plain files and an empty `rootfs/` only, as most do, and says whether
 * it could. rmdir(2) and unlink(2) refuse a mount point, so this needs no look at the mount table,
 * which grows with the number of containers.
 */
function removeFlat(dir: string): boolean {
  try {
    // rmdir(2) where it is a directory: one that is not empty stays.
    for (const entry of Deno.readDirSync(dir)) Deno.removeSync(`${dir}/${entry.name}`);
    Deno.removeSync(dir);
    return true;
  } catch {
    // The slow path looks with care at the obstacle, and names it.
    return false;
  }
}

/** Makes a bundle's directory, in the place of one that never became a bundle. */
function makeDir(dir: string, { record }: BundlePaths): void {
  try {
    Deno.mkdirSync(dir, { mode: 0o700 });
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists) || exists(record)) throw error;
    removeBundleDir(dir);
    Deno.mkdirSync(dir, { mode: 0o700 });
  }
}

/**
 * Lets root of a user namespace reach the rootfs in a bundle, as containerd does: the bundle is open
 * to its group, which has no other members. The two directories above may be passed by all who know
 * a name in them, but not listed; what is in them has modes of its own that keep others out.
 */
function openTo({ gid }: HostUser, dir: string): void {
  const parent = parentDir(dir);
  for (const above of [parent, parentDir(parent)]) {
    Deno.chmodSync(above, 0o711);
  }
  Deno.chownSync(dir, null, gid);
  Deno.chmodSync(dir, 0o710);
}
