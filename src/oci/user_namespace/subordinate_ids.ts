// SPDX-License-Identifier: MIT
// Takes user namespaces from the ranges of subordinate ids.
import { ifThere } from "../../linux/fs/if_there.ts";
import { InvalidParamsError } from "../../rpc/errors.ts";
import type { IdMapping, UserNamespace } from "./id_mapping.ts";

/** Where the ranges of subordinate ids stand (subuid(5), subgid(5)). */
export interface SubordinateFiles {
  readonly subuid?: string;
  readonly subgid?: string;
}

interface Range {
  readonly start: number;
  readonly count: number;
}

/** The user whose ranges containers with ranges of their own are given parts of; podman's. */
const POOL_USER = "containers";

/** How many ids such a container gets: all that a 16-bit id can be. */
const POOL_SIZE = 65_536;

/**
 * Returns the user namespace of docker's `userns-remap`: its ids, from 0, are the subordinate ids of
 * a user, one range after the other.
 *
 * @throws {InvalidParamsError} if the user has none.
 */
export function remapTo(user: string, files: SubordinateFiles = {}): UserNamespace {
  const { subuid, subgid } = rangesOf(user, files);
  return { uidMappings: inRow(subuid), gidMappings: inRow(subgid) };
}

/**
 * Returns a user namespace whose ids no other has: a free part of the subordinate ids of the user
 * `containers`, as `podman --userns auto` gives. By the container's id, so that two at once rarely meet.
 *
 * @param taken first uids of the parts that other containers have.
 * @throws {InvalidParamsError} if there is no such user, or none of its ids are free.
 */
export function freeUserNamespace(
  id: string,
  taken: ReadonlySet<number>,
  files: SubordinateFiles = {},
): UserNamespace {
  const { subuid: [uids], subgid: [gids] } = rangesOf(POOL_USER, files);
  if (uids === undefined || gids === undefined) throw new Error("unreachable: there are ranges");
  const parts = Math.floor(Math.min(uids.count, gids.count) / POOL_SIZE);
  const first = hash(id);
  for (let n = 0; n < parts; n++) {
    const offset = ((first + n) % parts) * POOL_SIZE;
    if (taken.has(uids.start + offset)) continue;
    const part = (
      { start }: Range,
    ) => [{ containerID: 0, hostID: start + offset, size: POOL_SIZE }];
    return { uidMappings: part(uids), gidMappings: part(gids) };
  }
  throw invalid(`no ${POOL_SIZE} subordinate ids of the user ${POOL_USER} are free`);
}

function rangesOf(
  user: string,
  { subuid = "/etc/subuid", subgid = "/etc/subgid" }: SubordinateFiles,
): { subuid: Range[]; subgid: Range[] } {
  return { subuid: read(subuid, user), subgid: read(subgid, user) };
}

function read(file: string, user: string): Range[] {
  const text = ifThere(() => Deno.readTextFileSync(file)) ?? "";
  const ranges = text.split("\n").flatMap((line): Range[] => {
    const [name, start, count] = line.split(":");
    const isRange = name === user && /^\d+$/.test(start ?? "") && /^\d+$/.test(count ?? "");
    return isRange ? [{ start: Number(start), count: Number(count) }] : [];
  });
  if (ranges.length > 0) return ranges;
  throw invalid(
    `${file} gives the user ${user} no subordinate ids: add a line such as ${user}:100000:${POOL_SIZE}`,
  );
}

function inRow(ranges: readonly Range[]): IdMapping[] {
  let next = 0;
  return ranges.map(({ start, count }) => {
    const mapping = { containerID: next, hostID: start, size: count };
    next += count;
    return mapping;
  });
}

/** Returns a number that is the same for the same text. */
function hash(text: string): number {
  let value = 0;
  for (const char of text) value = (value * 31 + (char.codePointAt(0) ?? 0)) % 0x7fffffff;
  return value;
}

function invalid(message: string): InvalidParamsError {
  return new InvalidParamsError(`user namespace: ${message}`, [{ path: "userns", message }]);
}
