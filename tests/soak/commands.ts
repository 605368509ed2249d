// SPDX-License-Identifier: MIT

/** A program of a container or an exec. */
export interface Command {
  readonly args: readonly string[];
  /** The statuses that it ends with by itself, also where one of its children is killed. */
  readonly own: readonly number[];
  /** How often it is picked. */
  readonly weight: number;
}

/** The commands of containers, by the name that they have as the label {@linkcode COMMAND_LABEL}. */
export const CONTAINER_COMMANDS: ReadonlyMap<string, Command> = new Map([
  ["sleeps", { weight: 3, args: ["sleep", "100000"], own: [] }],
  ["ends", { weight: 2, args: ["sh", "-c", "sleep 0.3; exit 3"], own: [3] }],
  ["ends at once", { weight: 1, args: ["sh", "-c", "exit 7"], own: [7] }],
  // Of wait without operands: 0, once nothing is left to wait for.
  ["has children", {
    weight: 2,
    args: ["sh", "-c", "sleep 100000 & setsid sleep 100000 & wait"],
    own: [0],
  }],
  ["ends at TERM", {
    weight: 1,
    args: ["sh", "-c", "trap 'exit 9' TERM; while :; do sleep 0.1; done"],
    own: [9],
  }],
]);

/** The label that names a container's command. */
export const COMMAND_LABEL = "command";

/** The commands of execs. */
export const EXEC_COMMANDS: readonly Command[] = [
  { weight: 3, args: ["true"], own: [0] },
  { weight: 2, args: ["sh", "-c", "sleep 0.2; exit 5"], own: [5] },
  { weight: 1, args: ["sleep", "100000"], own: [] },
  { weight: 1, args: ["/does/not/exist"], own: [] },
];
