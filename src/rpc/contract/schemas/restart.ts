// SPDX-License-Identifier: MIT
// Restart policies on the wire.
import * as z from "zod";

/** When the daemon starts a container again that has exited. */
export const restartPolicy = z.strictObject({
  policy: z.enum(["no", "on-failure", "always", "unless-stopped"]).describe(
    "no: never; on-failure: after an exit status other than 0; always: after every " +
      "exit, and when the daemon starts; unless-stopped: like always, but not when the daemon " +
      "starts and the container was stopped before",
  ),
  maxRetries: z.int().min(0).max(2 ** 31 - 1).optional().describe(
    "Maximum number of restarts with on-failure since the container was last started by " +
      "a call; 0, the default, means no limit",
  ),
}).describe(
  "When the daemon restarts a container that has exited. The delay is 100 ms at first and " +
    "doubles up to a minute; a run of 10 seconds resets it. A container that was stopped by a " +
    "call is not restarted until it is started again",
);

/** The policy as a state tells it: open for members to come. */
export const restartState = z.object(restartPolicy.shape);

/** When the daemon starts a container again that has exited. */
export type RestartPolicy = z.output<typeof restartPolicy>;

/** A restart that the daemon will make. */
export const restartDetails = z.object({
  count: z.int().describe("Number of restarts since the container was last started by a call"),
  at: z.string().describe("Time at which it is due, in RFC 3339 format, UTC, with milliseconds"),
}).describe("A restart that the daemon will make");
