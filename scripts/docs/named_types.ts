// SPDX-License-Identifier: MIT
import type { z } from "zod";
import * as schemas from "../../src/rpc/contract/schemas.ts";
import { stats } from "../../src/rpc/contract/stats_schema.ts";
import { jsonSchemaOf } from "./json_schema.ts";
import type { JsonSchema } from "./json_schema.ts";

/** A schema whose type has a name, in the client library and in the reference. */
export interface NamedType {
  readonly schema: z.ZodType;
  /** A line about it. */
  readonly summary: string;
}

/** The schemas whose types get a name. */
export const NAMED_TYPES: ReadonlyMap<string, NamedType> = new Map(Object.entries({
  ContainerStatus: { schema: schemas.containerStatus, summary: "The status of a container." },
  ExecStatus: { schema: schemas.execStatus, summary: "The status of an exec process." },
  ShimStatus: {
    schema: schemas.shimStatus,
    summary: "How the daemon stands with a container's shim.",
  },
  ExecState: { schema: schemas.execState, summary: "An exec process in a container's state." },
  ContainerState: {
    schema: schemas.containerState,
    summary: "The whole state of a container.",
  },
  ExitResult: { schema: schemas.exitResult, summary: "How a process ended." },
  DeleteResult: {
    schema: schemas.deleteResult,
    summary: "Answer of a delete: how the process had ended.",
  },
  RootfsMount: { schema: schemas.rootfsMount, summary: "One mount that makes up the rootfs." },
  OciProcess: {
    schema: schemas.ociProcess,
    summary:
      "An OCI process, whole or in part: what it leaves out comes from the container's spec.",
  },
  EventType: { schema: schemas.eventType, summary: "The type of an event." },
  OomDetails: { schema: schemas.oomDetails, summary: "Which figures an `oom` event carries." },
  Event: { schema: schemas.event, summary: "One event as subscribers get it." },
  Stats: {
    schema: stats,
    summary:
      "The cgroup figures of a container. What the kernel does not offer is absent, never zero.",
  },
}));

/** Names by what tells their schemas apart, of either side of a call. */
const NAMES: ReadonlyMap<string, string> = new Map(
  Array.from(NAMED_TYPES).flatMap(([name, { schema }]) =>
    (["input", "output"] as const).map((io) => [keyOf(jsonSchemaOf(schema, io)), name] as const)
  ),
);

/** The name of the type that a JSON Schema stands for, if it has one; never `except`. */
export function nameOf(schema: JsonSchema, except?: string): string | undefined {
  const name = NAMES.get(keyOf(schema));
  return name === except ? undefined : name;
}

/** What two schemas have in common that stand for the same type. */
function keyOf({ description: _, ...schema }: JsonSchema): string {
  return JSON.stringify(schema);
}
