// SPDX-License-Identifier: MIT
import type { Event } from "../../src/rpc/contract/schemas.ts";

/** Something that the soak did or saw. */
export interface Note {
  /** RFC 3339. */
  readonly at: string;
  readonly text: string;
  /** The container that it is about; undefined where it may concern any. */
  readonly id?: string | undefined;
  /** Its cgroup, where the note is of a create. */
  readonly cgroup?: string | undefined;
}

/** The events, the notes and the daemon's log, from which a timeline is made. */
export interface TimelineSources {
  readonly events: readonly Event[];
  readonly notes: readonly Note[];
  /** The daemon's log. */
  readonly log: string;
}

/** The containers that a failure's message names: by id, by instance or by cgroup; all if it names none. */
export function concerned({ events, notes }: TimelineSources, message: string): Set<string> {
  const named = new Set<string>();
  for (const { id, instance } of events) {
    if (message.includes(instance) || new RegExp(`\\b${id}\\b`).test(message)) named.add(id);
  }
  for (const { id, cgroup } of notes) {
    if (id !== undefined && cgroup !== undefined && message.includes(cgroup)) named.add(id);
  }
  return named.size > 0 ? named : new Set(events.map(({ id }) => id));
}

/** Everything that happened to these containers and to what they depend on, in order. */
export function timeline(
  { events, notes, log }: TimelineSources,
  ids: ReadonlySet<string>,
): string {
  const entries = [
    ...notes.filter(({ id }) => id === undefined || ids.has(id))
      .map(({ at, text, id }) => [at, `soak    ${id ?? "*"}: ${text}`] as const),
    ...events.filter(({ id }) => ids.has(id)).map((event) => {
      const { timestamp, seq, type, id, pid, execId, exitStatus } = event;
      const what = [seq, type, execId, `pid ${pid}`, exitStatus].filter((part) =>
        part !== undefined
      );
      return [timestamp, `event   ${id}: ${what.join(" ")}`] as const;
    }),
    ...log.split("\n").flatMap((line) => {
      const [, at, text] = /^(\S+Z) (.*)$/.exec(line) ?? [];
      const names = [...ids].some((id) => new RegExp(`\\b${id}\\b`).test(line));
      return at === undefined || !names ? [] : [[at, `daemon  ${text}`] as const];
    }),
  ];
  return entries.sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0)
    .map(([at, text]) => `${at} ${text}\n`).join("");
}
