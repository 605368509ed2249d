// SPDX-License-Identifier: MIT
// Calls that happen once, although a restart of the daemon may lose their answers.
import { AlreadyExistsError, NotFoundError } from "../../rpc/errors.ts";
import { pause } from "../../rpc/transport/pause.ts";
import type { CallOptions } from "../../rpc/peer/call_options.ts";
import type { DaemonMethods, DeleteResult, Removal } from "../daemon_types.ts";
import type { DaemonLink } from "../link.ts";
import { acrossRestarts } from "./across_restarts.ts";

/** A create or rename that goes on in the daemon is asked for this often, milliseconds. */
const POLL_MS = 100;

/**
 * Creates a container once, whatever becomes of the connection: where the answer was lost, the
 * instance tells whether the container is this call's.
 */
export async function createOnce(
  link: DaemonLink,
  params: DaemonMethods["container.create"]["params"] & { readonly instance: string },
  options: CallOptions,
): Promise<void> {
  const { id, instance } = params;
  await acrossRestarts(link, options, async (again, rest) => {
    for (;;) {
      if (again && await instanceOf(link, id, rest) === instance) return;
      try {
        await link.call("container.create", params, rest);
        return;
      } catch (error) {
        if (!again || !(error instanceof AlreadyExistsError)) throw error;
        // The one before may still be under way: until it has ended its id is taken, and not there.
        const taken = await instanceOf(link, id, rest);
        if (taken !== undefined && taken !== instance) throw error;
      }
      await pause(POLL_MS, rest.signal);
      rest.signal?.throwIfAborted();
    }
  });
}

/** The state of a container before it is started. */
export interface BeforeStart {
  readonly instance: string;
  /** When it was started; undefined where it was only created. */
  readonly startedAt?: string | undefined;
}

/**
 * Starts a container once, or restarts it; returns its pid. `before`: what is known of it, where the
 * caller has just created it; else the daemon is asked.
 */
export async function startOnce(
  link: DaemonLink,
  start: (options: CallOptions) => Promise<{ readonly pid: number }>,
  id: string,
  before: BeforeStart | undefined,
  options: CallOptions,
): Promise<number> {
  let known = before;
  return await acrossRestarts(link, options, async (again, rest) => {
    known ??= await link.call("container.state", { id }, rest);
    if (again) {
      const pid = await startedSince(link, id, known, rest);
      if (pid !== undefined) return pid;
    }
    try {
      return (await start(rest)).pid;
    } catch (error) {
      // Lost on its way, the start before may come to pass between the two calls above.
      if (!again || await link.isAway(error)) throw error;
      const pid = await startedSince(link, id, known, rest);
      if (pid === undefined) throw error;
      return pid;
    }
  });
}

/**
 * Returns the pid of a container that was started since `before`: each run again is a new instance.
 */
async function startedSince(
  link: DaemonLink,
  id: string,
  before: BeforeStart,
  options: CallOptions,
): Promise<number | undefined> {
  const { instance, startedAt, pid } = await link.call("container.state", { id }, options);
  const anew = instance !== before.instance || before.startedAt === undefined;
  return anew && startedAt !== undefined ? pid : undefined;
}

/** Deletes a container once; where the answer was lost, the journal has how it ended. */
export async function deleteOnce(
  link: DaemonLink,
  params: DaemonMethods["container.delete"]["params"],
  options: CallOptions,
): Promise<Removal> {
  const { id } = params;
  const begun = Date.now();
  return await acrossRestarts(link, options, async (again, rest) => {
    if (!again) return await link.call("container.delete", params, rest);
    // Looked at before the journal: what is there then and was not deleted was there at first, too, and
    // a later one of the same id is left alone.
    const instance = params.instance ?? await instanceOf(link, id, rest);
    const deleted = () => deletedSince(link, { id, instance: params.instance, begun }, rest);
    const before = await deleted();
    if (before !== undefined) return before;
    try {
      return await link.call("container.delete", { ...params, instance }, rest);
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
      // The next daemon has finished it meanwhile.
      const result = await deleted();
      if (result === undefined) throw error;
      return result;
    }
  });
}

/**
 * Gives a container another id once; where the answer was lost, the instance tells whether the container
 * that has the new id is the one.
 */
export async function renameOnce(
  link: DaemonLink,
  params: DaemonMethods["container.rename"]["params"],
  options: CallOptions,
): Promise<void> {
  const { id, newId } = params;
  let known = params.instance;
  await acrossRestarts(link, options, async (again, rest) => {
    const instance = known ??= (await link.call("container.state", { id }, rest)).instance;
    for (;;) {
      if (again && await instanceOf(link, newId, rest) === instance) return;
      try {
        await link.call("container.rename", { ...params, instance }, rest);
        return;
      } catch (error) {
        const isTaken = error instanceof AlreadyExistsError;
        if (!again || !(isTaken || error instanceof NotFoundError)) throw error;
        const there = await instanceOf(link, newId, rest);
        // The next daemon has finished it meanwhile.
        if (there === instance) return;
        // The one before may still be under way: until it has ended the new id is taken, and not there.
        if (!isTaken || there !== undefined) throw error;
      }
      await pause(POLL_MS, rest.signal);
      rest.signal?.throwIfAborted();
    }
  });
}

/** The deletion that {@linkcode deletedSince} looks for. */
interface Deletion {
  readonly id: string;
  /** The instance; undefined where the caller knows none, so that the time has to tell. */
  readonly instance: string | undefined;
  /** When the call began, in milliseconds since 1970. */
  readonly begun: number;
}

/** Returns how a container was deleted, as its event says; undefined where the journal has none. */
async function deletedSince(
  link: DaemonLink,
  { id, instance, begun }: Deletion,
  options: CallOptions,
): Promise<DeleteResult | undefined> {
  const types = ["delete"] as const;
  for (let after = 0;;) {
    const page = await link.call("events.read", { after, ids: [id], types }, options);
    for (const event of page.events) {
      const { pid, exitStatus, exitedAt, exitStatusUnknown } = event;
      const isIt = instance === undefined
        ? Date.parse(event.timestamp) >= begun
        : event.instance === instance;
      if (!isIt || exitStatus === undefined || exitedAt === undefined) continue;
      return { pid, exitStatus, exitedAt, ...(exitStatusUnknown && { exitStatusUnknown }) };
    }
    if (page.next >= page.latest) return undefined;
    after = page.next;
  }
}

/** Returns the instance of the container of this id; undefined where there is none. */
async function instanceOf(
  link: DaemonLink,
  id: string,
  options: CallOptions,
): Promise<string | undefined> {
  try {
    return (await link.call("container.state", { id }, options)).instance;
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}
