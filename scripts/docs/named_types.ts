// SPDX-License-Identifier: MIT
import type { z } from "zod";
import * as schemas from "../../src/rpc/contract/schemas.ts";
import { stats } from "../../src/rpc/contract/stats_schema.ts";
import { jsonSchemaOf } from "./json_schema.ts";
import type { JsonSchema } from "./json_schema.ts";

/** A schema whose type has a name in the client library and in the reference. */
export interface NamedType {
  readonly schema: z.ZodType;
  /** A line that describes the type. */
  readonly summary: string;
}

/** The schemas whose types get a name. */
export const NAMED_TYPES: ReadonlyMap<string, NamedType> = new Map(Object.entries({
  ContainerStatus: { schema: schemas.containerStatus, summary: "Status of a container." },
  ExecStatus: { schema: schemas.execStatus, summary: "Status of an exec process." },
  ShimStatus: {
    schema: schemas.shimStatus,
    summary: "State of the daemon's connection to the container's shim.",
  },
  ExecState: { schema: schemas.execState, summary: "State of an exec process." },
  ContainerState: {
    schema: schemas.containerState,
    summary: "Full state of a container.",
  },
  ExitResult: { schema: schemas.exitResult, summary: "How a process exited." },
  DeleteResult: {
    schema: schemas.deleteResult,
    summary: "Result of a delete: how the deleted process exited.",
  },
  RootfsMount: {
    schema: schemas.rootfsMount,
    summary: "One of the mounts that make up the rootfs.",
  },
  OciProcess: {
    schema: schemas.ociProcess,
    summary:
      "OCI process of an exec. Members that are not given are taken from the container's spec.",
  },
  EventType: { schema: schemas.eventType, summary: "Type of an event." },
  OomDetails: { schema: schemas.oomDetails, summary: "Details of an `oom` event." },
  Event: { schema: schemas.event, summary: "An event in the life of a container." },
  Stats: {
    schema: stats,
    summary:
      "Resource usage of a container. What the kernel does not provide is absent, never zero.",
  },
}));

/** Names of types by the schemas that they stand for, as params and as results. */
const NAMES: ReadonlyMap<string, string> = new Map(
  Array.from(NAMED_TYPES).flatMap(([name, { schema }]) =>
    (["input", "output"] as const).map((io) => [keyOf(jsonSchemaOf(schema, io)), name] as const)
  ),
);

/** Returns the name of the type that a JSON Schema stands for, if it has one other than `except`. */
export function nameOf(schema: JsonSchema, except?: string): string | undefined {
  const name = NAMES.get(keyOf(schema));
  return name === except ? undefined : name;
}

/** Returns a key that is equal for two schemas of the same type: all but the description. */
function keyOf({ description: _, ...schema }: JsonSchema): string {
  return JSON.stringify(schema);
}
