// SPDX-License-Identifier: MIT
// Copies between two places, or a place and a tar archive.
import { fdPath } from "../../linux/fd/fd.ts";
import { errnoNameOf } from "../../linux/libc/errno.ts";
import { CliError } from "../common/exit_status.ts";
import { type OnSkipped, pack } from "./pack.ts";
import type { Place } from "./place.ts";
import { readTar } from "./tar_reader.ts";
import { pathError } from "./path_error.ts";
import { unpack, type UnpackOptions } from "./unpack.ts";

/** The file or directory to copy. */
interface CopySource {
  readonly place: Place;
  readonly isDirectory: boolean;
  /** Whether the path ends with `/.`: the content of the directory is meant, not itself. */
  readonly contentOnly: boolean;
}

/**
 * Returns the file or directory to copy.
 *
 * @param follow Whether a symlink stands for what it leads to.
 * @throws {CliError} if nothing is there.
 */
export function sourceAt(place: Place, follow: boolean): CopySource {
  const contentOnly = /(?:^|\/)\.?$/.test(place.path);
  const found = follow || contentOnly ? place.resolveLink() : place;
  try {
    using dir = found.parent.openDirectory();
    const info = Deno.lstatSync(`${fdPath(dir.fd)}/${found.name || "."}`);
    if (contentOnly && !info.isDirectory) throw new CliError(`${place.path} is not a directory`);
    return { place: found, isDirectory: info.isDirectory, contentOnly };
  } catch (error) {
    throw notFound(place, error);
  }
}

/** Packs a source as the entry `as`; `.` for its content alone. */
export async function* packSource(
  { place }: CopySource,
  as: string,
  onSkipped: OnSkipped,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  // `/` and `x/..` have no name in a parent.
  const isNamed = place.name !== "" && place.name !== "." && place.name !== "..";
  using dir = isNamed ? place.parent.openDirectory() : place.openDirectory();
  const name = isNamed ? place.name : ".";
  yield* pack(dir.fd, name, as, { shown: place.shown, onSkipped });
}

/** Where a copy goes: into a directory, under a name. */
export interface Target {
  readonly base: Place;
  readonly as: string;
}

/**
 * Decides where a copy goes, as `docker cp` does: into a directory that is there, in the place of a
 * file, or under the new name. A symlink stands for what it leads to, which need not be there.
 *
 * @throws {CliError} if the directory to copy into is not there, or a file is.
 */
export function targetAt(source: CopySource, place: Place): Target {
  const to = place.resolveLink();
  const there = to.stat();
  if (there?.isDirectory) {
    return { base: to, as: source.contentOnly ? "." : source.place.name || "." };
  }
  if (there !== undefined && source.isDirectory) {
    throw new CliError(`cannot copy a directory to ${place.path}: it is a file`);
  }
  if (place.path.endsWith("/") && !(there === undefined && source.isDirectory)) {
    throw new CliError(`${place.path}: no such directory`);
  }
  if (!to.parent.stat()?.isDirectory) throw new CliError(`${to.parent.path}: no such directory`);
  return { base: to.parent, as: to.name };
}

/** Copies a source to its target. */
export async function copy(
  source: CopySource,
  { base, as }: Target,
  options: Pick<UnpackOptions, "owner" | "onSkipped">,
): Promise<void> {
  await extract(packSource(source, as, options.onSkipped), base, options);
}

/**
 * Unpacks a tar archive into a directory.
 *
 * @throws {CliError} if it is no archive, or there is no such directory.
 */
export async function extract(
  archive: AsyncIterable<Uint8Array<ArrayBuffer>>,
  base: Place,
  options: Pick<UnpackOptions, "owner" | "onSkipped">,
): Promise<void> {
  if (!base.stat()?.isDirectory) throw new CliError(`${base.path}: no such directory`);
  try {
    await unpack(readTar(archive), {
      ...options,
      openDirectory: (path) => base.openBelow(path),
      shown: (path) => `${base.shown.replace(/\/$/, "")}/${path}`,
    });
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new CliError(`cannot unpack the archive: ${error.message}`, { cause: error });
  }
}

function notFound(place: Place, error: unknown): unknown {
  return errnoNameOf(error) === "ENOENT"
    ? new CliError(`${place.path}: no such file or directory`, { cause: error })
    : pathError(place.shown, "read", error);
}
