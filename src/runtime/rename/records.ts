// SPDX-License-Identifier: MIT
import { parentDir } from "../../linux/fs/path_names.ts";
import { failpoint } from "../../failpoint.ts";
import { namesEnding } from "../../linux/fs/dir_entries.ts";
import { exists } from "../../linux/fs/exists.ts";
import { removeFile } from "../../linux/fs/remove_file.ts";
import { removeTree } from "../../linux/fs/remove_tree.ts";
import { writeDurably } from "../../linux/fs/write_atomic.ts";
import { bundlePaths } from "../../oci/bundle_layout.ts";
import { readJson } from "../../oci/json_file.ts";
import { logDir } from "../../oci/log_layout.ts";
import { renamesDir, renamesUnderWay } from "../../oci/renames_layout.ts";
import { FailedPreconditionError, ResourceExhaustedError } from "../../rpc/errors.ts";
import { messageOf } from "../../error_text.ts";
import { stringifyJson } from "../../rpc/json.ts";
import { Bundle, removeBundleDir } from "../bundle/bundle.ts";
import { definitionDir, writeDefinition } from "../definitions/definition_files.ts";
import { logFailure } from "../util/log_failure.ts";
import type { Move } from "./moved_paths.ts";
import type { RenamePlan } from "./plan.ts";

/**
 * The renames that are under way, `<root>/renames/<new id>.json`. A plan is on the disk before anything
 * is moved, and goes when all is done: a daemon that finds one finishes the rename before it reads its
 * definitions, and so before anything can use one of the two ids. Where it can neither finish a rename
 * nor take it back, files of the container are below both ids, and both are left alone.
 */
export class RenameRecords {
  readonly #root: string;
  readonly #dir: string;
  /** Why an id is left alone, and whether the id is a new one. */
  readonly #unfinished = new Map<string, { readonly why: string; readonly isNew: boolean }>();

  /** The records below the root directory. */
  constructor(root: string) {
    this.#root = root;
    this.#dir = renamesDir(root);
  }

  /**
   * Refuses an id of a rename that is neither done nor taken back.
   *
   * @throws {FailedPreconditionError} which says why.
   */
  checkUsable(id: string): void {
    const unfinished = this.#unfinished.get(id);
    if (unfinished !== undefined) {
      throw new FailedPreconditionError(unfinished.why, { data: { id } });
    }
  }

  /** Returns whether the definition under the id is part of a rename that is not done. */
  isPartial(id: string): boolean {
    return this.#unfinished.get(id)?.isNew ?? false;
  }

  /**
   * Carries a plan out. When this throws the container has its old id as before.
   *
   * @throws {ResourceExhaustedError} if the disk has not taken the definition yet, or the journal not the
   * event of a rename before.
   * @throws errors of the file system.
   * @throws {FailedPreconditionError} if it can neither be done nor taken back now, or one before cannot:
   * the next daemon finishes it.
   */
  begin(plan: RenamePlan): void {
    for (const id of [plan.from, plan.to]) {
      this.checkUsable(id);
      if (!exists(this.#path(id))) continue;
      throw new ResourceExhaustedError(
        `container ${plan.from}: the journal has not taken yet that a container was renamed to ${id}`,
        { data: { id: plan.from } },
      );
    }
    if (!this.#isUnder(plan.from, plan)) {
      throw new ResourceExhaustedError(
        `container ${plan.from}: the disk has not taken its definition yet`,
        { data: { id: plan.from } },
      );
    }
    Deno.mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
    // An earlier container's, as for one that is created.
    removeTree(logDir(this.#root, plan.to));
    writeDurably(this.#path(plan.to), stringifyJson(plan));
    try {
      failpoint("rename.recorded");
      this.#apply(plan);
    } catch (error) {
      this.#takeBack(plan, error);
      throw error;
    }
  }

  /** Finishes what an earlier daemon has begun; returns the plans, which {@linkcode end} is to follow. */
  finishAll(): RenamePlan[] {
    // Of plans that were being written, nothing of which was done.
    for (const name of namesEnding(this.#dir, ".tmp")) removeFile(`${this.#dir}/${name}.tmp`);
    return renamesUnderWay(this.#root).flatMap((to) => {
      const path = this.#path(to);
      try {
        const plan = readJson<RenamePlan>(path);
        return plan === undefined ? [] : this.#finish(plan);
      } catch (error) {
        logFailure("error", "container", "cannot finish the rename {path}: {reason}", error, {
          path,
        });
        return [];
      }
    });
  }

  #finish(plan: RenamePlan): RenamePlan[] {
    try {
      this.#apply(plan);
    } catch (error) {
      this.#takeBack(plan, error);
      logFailure(
        "error",
        "container",
        "{from}: its rename to {to} has failed, and was taken back: {reason}",
        error,
        { from: plan.from, to: plan.to },
      );
      return [];
    }
    if (this.#isUnder(plan.to, plan)) return [plan];
    this.end(plan);
    return [];
  }

  /** Forgets a plan, of which all is done. */
  end(plan: RenamePlan): void {
    removeFile(this.#path(plan.to));
  }

  /** Each step may be repeated; the definition under the old id goes last. */
  #apply(plan: RenamePlan): void {
    if (!this.#isUnder(plan.from, plan)) return;
    if (this.#isAnothers(plan)) throw new Error(`${plan.to} is another container by now`);
    for (const move of plan.moves) {
      moveDir(move);
      failpoint("rename.moved");
    }
    writeDefinition(definitionDir(this.#root, plan.to), plan.definition, plan.exit);
    failpoint("rename.defined");
    const dir = definitionDir(this.#root, plan.from);
    removeFile(bundlePaths(dir).record);
    failpoint("rename.forgotten");
    try {
      removeBundleDir(dir);
    } catch (error) {
      // Without its record it is no definition; the next daemon removes it.
      logFailure("warn", "container", "cannot remove {dir} yet: {reason}", error, { dir });
    }
  }

  /** Returns whether the container is defined under an id, which may be another's by now. */
  #isUnder(id: string, { definition: { record } }: RenamePlan): boolean {
    return Bundle.read(definitionDir(this.#root, id))?.record.instance === record.instance;
  }

  /** Returns whether another container is defined under the new id. */
  #isAnothers({ to, definition: { record } }: RenamePlan): boolean {
    const there = Bundle.read(definitionDir(this.#root, to))?.record.instance;
    return there !== undefined && there !== record.instance;
  }

  /**
   * Takes back the steps of a plan that were done.
   *
   * @throws {FailedPreconditionError} if that cannot be done; then both ids are left alone.
   */
  #takeBack(plan: RenamePlan, cause: unknown): void {
    let isAnothers = false;
    try {
      isAnothers = this.#isAnothers(plan);
      if (isAnothers || !this.#isUnder(plan.from, plan)) throw new Error("it is too late");
      failpoint("rename.take-back");
      const dir = definitionDir(this.#root, plan.to);
      removeFile(bundlePaths(dir).record);
      if (exists(dir)) removeBundleDir(dir);
      for (const { from, to } of plan.moves.toReversed()) moveDir({ from: to, to: from });
      this.end(plan);
    } catch (error) {
      const { from, to } = plan;
      const why =
        `container ${from}: its rename to ${to} has failed (${messageOf(cause)}) and cannot be ` +
        `taken back (${messageOf(error)}): nothing is done with either id until a restart of the ` +
        "daemon finishes it";
      this.#unfinished.set(from, { why, isNew: false });
      if (!isAnothers) this.#unfinished.set(to, { why, isNew: true });
      throw new FailedPreconditionError(why, {
        cause: new AggregateError([cause, error], why),
        data: { id: from },
      });
    }
  }

  #path(to: string): string {
    return `${this.#dir}/${to}.json`;
  }
}

/** Moves a directory, unless that was done; the one above it goes when it is empty. */
function moveDir({ from, to }: Move): void {
  if (!exists(from) || exists(to)) return;
  const [above, aboveTo] = [parentDir(from), parentDir(to)];
  if (!exists(aboveTo)) {
    const { mode, uid, gid } = Deno.statSync(above);
    Deno.mkdirSync(aboveTo, { mode: 0o700 });
    Deno.chownSync(aboveTo, uid, gid);
    if (mode !== null) Deno.chmodSync(aboveTo, mode & 0o7777);
  }
  Deno.renameSync(from, to);
  try {
    Deno.removeSync(above);
  } catch {
    // Other logs, or what a create has made whose id is taken, are in it.
  }
}
