// SPDX-License-Identifier: MIT
// Resolves users and groups by the files of a root filesystem.
import { ELOOP, ENOENT, ENOTDIR, isErrno } from "../../linux/libc/errno.ts";
import { fdPath } from "../../linux/fd/fd.ts";
import { NULL_DEVICE, WHITEOUT } from "../../linux/fs/device_numbers.ts";
import { openInRoot } from "../../linux/mount/open_in_root.ts";
import { InvalidParamsError } from "../../rpc/errors.ts";

/** The user of an OCI process (runtime-spec, config.md, "POSIX-platform User"). */
export interface OciUser {
  readonly uid: number;
  readonly gid: number;
  /** Further groups that `/etc/group` names the user in. */
  readonly additionalGids?: readonly number[];
}

/** A file that is larger, in bytes, is not read. */
const MAX_SIZE = 16 * 1024 * 1024;

/** Describes such a file in messages. */
const TOO_LARGE = `larger than ${MAX_SIZE} bytes, and not read`;

/** The most groups of a process besides its own, NGROUPS_MAX of setgroups(2). */
const MAX_GROUPS = 65_536;

/** The highest uid and gid; 2^32-1 means "leave as it is" to chown(2) and setresuid(2). */
const MAX_ID = 0xffff_fffe;

/**
 * Returns the user that `user[:group]` names, each a name or a number, by the rootfs's own
 * `/etc/passwd` and `/etc/group`. Numbers need not be listed there; without a group it is the
 * user's own, or 0, and then the user's further groups come along. As docker has it, an empty part is
 * left out: `root:` is `root`, and `:staff` is user 0 with that group.
 *
 * @throws {InvalidParamsError} if a name is unknown there, a number is none, or the user is in more groups
 * than a process can have.
 */
export function resolveUser(rootfs: string, text: string): OciUser {
  const [userText = "", groupText = "", ...rest] = text.split(":");
  if (text === "" || rest.length > 0) throw invalid(text, "expected user or user:group");
  const number = userText === "" ? 0 : idOf(text, userText);
  const groupNumber = idOf(text, groupText);
  if (number !== undefined && groupNumber !== undefined) return { uid: number, gid: groupNumber };
  const read = (path: string) => {
    const found = readInside(rootfs, path);
    if (found !== undefined) return fields(found);
    throw invalid(text, `/${path} of the root filesystem is ${TOO_LARGE}`);
  };
  const users = number === undefined || groupText === "" ? read("etc/passwd") : [];
  const groups = groupNumber === undefined ? read("etc/group") : [];
  // passwd(5): name, password, uid, gid, …
  const entry = users.find(([name, , uid]) =>
    number === undefined ? name === userText : Number(uid) === number
  );
  const uid = number ?? idOf(text, entry?.[2]);
  if (uid === undefined) {
    throw invalid(text, `no user ${userText} in /etc/passwd of the root filesystem`);
  }
  if (groupText === "") {
    const gid = idOf(text, entry?.[3]) ?? 0;
    const name = entry?.[0];
    // group(5): name, password, gid, members
    const additionalGids = groups
      .filter(([, , , members]) => name !== undefined && members?.split(",").includes(name))
      .flatMap(([, , id]) => idOf(text, id) ?? [])
      .filter((id) => id !== gid);
    if (additionalGids.length > MAX_GROUPS) {
      const count = `${additionalGids.length} groups of /etc/group of the root filesystem`;
      throw invalid(text, `the user is in ${count}; a process has at most ${MAX_GROUPS}`);
    }
    return { uid, gid, ...(additionalGids.length > 0 ? { additionalGids } : {}) };
  }
  const gid = groupNumber ??
    idOf(text, groups.find(([name]) => name === groupText)?.[2]);
  if (gid === undefined) {
    throw invalid(text, `no group ${groupText} in /etc/group of the root filesystem`);
  }
  return { uid, gid };
}

/**
 * Checks that no FIFO, device or directory stands in the place of the rootfs's `/etc/passwd` or
 * `/etc/group`: the runtime reads both for each process. At a FIFO it would wait for a writer for
 * good; of the devices only `/dev/null` has an end.
 *
 * @throws {InvalidParamsError} if one does.
 */
export function checkUserFiles(rootfs: string): void {
  for (const path of ["etc/passwd", "etc/group"]) {
    const kind = atInside(rootfs, path, (file) => kindOfNoFile(Deno.statSync(file)));
    if (kind === undefined) continue;
    const message = `/${path} of the root filesystem is ${kind}`;
    throw new InvalidParamsError(message, [{ path: "rootfs", message }]);
  }
}

/** Returns what is not to be read as a file; undefined for what may be. */
function kindOfNoFile(info: Deno.FileInfo): string | undefined {
  if (info.isFifo) return "a FIFO, which the runtime would wait for";
  if (info.isDirectory) return "a directory, not a file";
  if (info.isBlockDevice) return "a device, not a file";
  if (!info.isCharDevice || info.rdev === NULL_DEVICE || info.rdev === WHITEOUT) return undefined;
  return "a device, not a file";
}

/**
 * Returns the ids of groups given by name or number, by the rootfs's own `/etc/group`.
 *
 * @throws {InvalidParamsError} if a name is unknown there or a number is none.
 */
export function resolveGroups(rootfs: string, groups: readonly string[]): number[] {
  if (groups.length === 0) return [];
  const found = readInside(rootfs, "etc/group");
  const ids = new Map(fields(found ?? "").map(([name, , id]) => [name, id]));
  return groups.map((text) => {
    const gid = idOf(text, text) ?? idOf(text, ids.get(text));
    if (text === "" || gid === undefined) {
      const where = "/etc/group of the root filesystem";
      const message = found === undefined
        ? `group ${text}: ${where} is ${TOO_LARGE}`
        : `no group ${text} in ${where}`;
      throw new InvalidParamsError(message, [{ path: "groupAdd", message }]);
    }
    return gid;
  });
}

/**
 * Returns the id that `digits` are; undefined if they are not digits. `text` is for the message.
 */
function idOf(text: string, digits: string | undefined): number | undefined {
  if (digits === undefined || !/^\d+$/.test(digits)) return undefined;
  const id = Number(digits);
  if (id > MAX_ID) throw invalid(text, `${digits} is above ${MAX_ID}`);
  return id;
}

function invalid(text: string, message: string): InvalidParamsError {
  return new InvalidParamsError(`user ${JSON.stringify(text)}: ${message}`, [
    { path: "user", message },
  ]);
}

function fields(text: string): string[][] {
  return text.split("\n").filter((line) => line !== "").map((line) => line.split(":"));
}

/**
 * Reads a file of the rootfs; empty if it is not there, undefined if it is too large. Symlinks and `..`
 * stay inside, so that the host's own file is never taken for the container's. The container may
 * have put anything there: a FIFO, which to open would wait forever, or a device. Only a regular
 * file is read, and no more of it than such a file holds.
 */
function readInside(rootfs: string, path: string): string | undefined {
  const found = atInside(rootfs, path, (file) => {
    const { isFile, size } = Deno.statSync(file);
    if (!isFile) return { text: "" };
    return { text: size <= MAX_SIZE ? Deno.readTextFileSync(file) : undefined };
  });
  return found === undefined ? "" : found.text;
}

/** Returns what `read` makes of a path of the rootfs; undefined if it leads nowhere. */
function atInside<T>(rootfs: string, path: string, read: (file: string) => T): T | undefined {
  try {
    using found = openInRoot(rootfs, path);
    return read(fdPath(found.fd));
  } catch (error) {
    // A path through something that is no directory leads nowhere, just as a missing one.
    if (isErrno(error, ENOENT, ENOTDIR, ELOOP)) return undefined;
    throw error;
  }
}
