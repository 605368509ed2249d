// SPDX-License-Identifier: MIT
// Reads members of an archive by tar(1).
import { ImageError } from "../image_errors.ts";
import { spawnProgram } from "../spawn_program.ts";

/** A tar archive. */
export interface Archive {
  /** The name of the archive in messages. */
  readonly name: string;
  readonly file: string;
  /** The paths in it as tar(1) lists them. */
  readonly members: readonly string[];
  /** Ends the programs that read it. */
  readonly signal: AbortSignal | undefined;
}

/** Reads a file of an archive; undefined where it is not there. */
export async function readMember(
  { file, members, signal }: Archive,
  name: string,
): Promise<string | undefined> {
  const member = members.find((path) => path === name || path === `./${name}`);
  return member === undefined ? undefined : await tar(["-xOf", file, member], signal);
}

/** Reads a file at the top of an archive as JSON; undefined where it is not there or is no JSON. */
export async function readJsonMember(archive: Archive, name: string): Promise<unknown> {
  const content = await readMember(archive, name);
  if (content === undefined) return undefined;
  try {
    return JSON.parse(content);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** tar(1)'s message for an archive that it cannot read. */
export class TarError extends Error {
  override name = "TarError";
}

/**
 * Runs tar(1), with what GNU's and busybox's have in common, and returns what it printed.
 *
 * @throws {TarError} if it fails; {@linkcode ImageError} if it is not in PATH; the signal's reason.
 */
export async function tar(args: readonly string[], signal?: AbortSignal): Promise<string> {
  const child = spawnProgram(
    "tar",
    { args: [...args], stdin: "null", signal },
    (options) =>
      new ImageError("tar is not in PATH, which reads archives: install the package tar", options),
  );
  const { success, stdout, stderr } = await child.output();
  signal?.throwIfAborted();
  if (success) return new TextDecoder().decode(stdout);
  throw new TarError(new TextDecoder().decode(stderr).trim().split("\n")[0]);
}
