// SPDX-License-Identifier: MIT

/** Every event type. Apart from the schemas, which a command need not load for these. */
export const EVENT_TYPES = [
  "create",
  "start",
  "exec-added",
  "exec-started",
  "exit",
  "oom",
  "paused",
  "resumed",
  "checkpointed",
  "delete",
] as const;
