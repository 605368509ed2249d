// SPDX-License-Identifier: MIT
// The phases of a container's life in the daemon, and the table of the actions that change them.
// `container/life.ts` holds the current phase and is its only writer.
import type { DeleteResult, ShimStatus } from "../../rpc/contract/schemas.ts";
import type { ShimClient } from "../shims/shim_client.ts";
import type { ConnectedShim } from "../shims/shim_manager.ts";

/**
 * Phase of a container's life in the daemon, with its data. The states of its processes are
 * the shim's (`src/shim/states`).
 */
export type LifeState =
  /** Its create is under way (`create.ts`); `client` is set once it has a shim. */
  | { readonly phase: "creating"; readonly client?: ShimClient | undefined }
  /**
   * Its shim is dialed and asked for its state (`recovery.ts`); `client` is set once it is
   * dialed.
   */
  | {
    readonly phase: "connecting";
    readonly client?: ShimClient | undefined;
    /** Cancels the attempt. */
    readonly abort: AbortController;
  }
  /** Its shim is connected. */
  | { readonly phase: "live"; readonly client: ShimClient }
  /** Its shim does not answer, or answers with an error; it is dialed again later (`recovery.ts`). */
  | { readonly phase: "unresponsive"; readonly reason: string; readonly timedOut: boolean }
  /** The shim has deleted the container; the shim and the bundle remain (`deletion.ts`). */
  | {
    readonly phase: "deleting";
    /** How the container ended; undefined if its create failed. */
    readonly result: DeleteResult | undefined;
    /** The shim, until it has left the bundle. */
    readonly shim?: ConnectedShim | undefined;
  }
  /** Its shim is dead or given up; its leftovers are being removed (`cleanup.ts`). */
  | { readonly phase: "cleaning-up" }
  /** The container is stopped and has no bundle or shim; its definition can run it again. */
  | { readonly phase: "resting" }
  /** Nothing of this instance is left. */
  | { readonly phase: "gone"; readonly result: DeleteResult | undefined };

/** Name of a {@linkcode LifeState}. */
export type Phase = LifeState["phase"];

/** Phase of a new container, of one whose bundle was found, or of one that is only defined. */
export type BeginPhase = Extract<Phase, "creating" | "connecting" | "resting">;

/** Something that changes the phase of a container's life. */
export type Action =
  | "connect"
  | "finish-create"
  | "lose"
  | "reconnect"
  | "take-over"
  | "give-up"
  | "delete"
  | "detach"
  | "destroy"
  | "release";

/**
 * The phases to which each action can lead from each phase; an action that a phase does not list is
 * illegal there.
 */
export const TRANSITIONS: {
  readonly [phase in Phase]: { readonly [action in Action]?: readonly Phase[] };
} = {
  creating: {
    // A shim serves the bundle and is connected.
    connect: ["creating"],
    // The connection broke: the create fails by itself, or ends as if it broke just after.
    lose: ["creating"],
    "finish-create": ["live", "connecting"],
    // The create failed, and the shim has rolled it back (delete) or has not (destroy).
    delete: ["deleting"],
    destroy: ["cleaning-up"],
  },
  connecting: {
    // The shim was dialed; its state is not known yet.
    connect: ["connecting"],
    lose: ["connecting"],
    // The next attempt, or a new shim that takes over from a dead one.
    reconnect: ["connecting"],
    "take-over": ["live"],
    "give-up": ["unresponsive"],
    // The shim has already deleted the container, or never created it.
    delete: ["deleting"],
    destroy: ["cleaning-up"],
  },
  live: {
    lose: ["connecting"],
    "give-up": ["unresponsive"],
    delete: ["deleting"],
    destroy: ["cleaning-up"],
  },
  unresponsive: {
    "give-up": ["unresponsive"],
    reconnect: ["connecting"],
    destroy: ["cleaning-up"],
  },
  deleting: {
    detach: ["deleting"],
    destroy: ["cleaning-up"],
    release: ["gone"],
  },
  resting: {
    delete: ["deleting"],
  },
  "cleaning-up": {
    // Repeated after a failure.
    destroy: ["cleaning-up"],
    release: ["gone"],
  },
  gone: {},
};

/** Whether {@linkcode TRANSITIONS} lets an action lead from one phase to another. */
export function isLegal(from: Phase, action: Action, to: Phase): boolean {
  return TRANSITIONS[from][action]?.includes(to) ?? false;
}

/** State of the connection to the shim that clients see in each phase. */
export const SHIM_STATUS: Readonly<Record<Phase, ShimStatus>> = {
  creating: "connecting",
  connecting: "connecting",
  live: "connected",
  unresponsive: "unavailable",
  resting: "none",
  deleting: "gone",
  "cleaning-up": "gone",
  gone: "gone",
};
