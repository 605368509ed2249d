// SPDX-License-Identifier: MIT

/** Every event type. Kept out of the schemas, so that a command need not load those. */
export const EVENT_TYPES = [
  "create",
  "start",
  "exec-added",
  "exec-started",
  "exit",
  "restarting",
  "restart-failed",
  "oom",
  "paused",
  "resumed",
  "checkpointed",
  "renamed",
  "delete",
] as const;
