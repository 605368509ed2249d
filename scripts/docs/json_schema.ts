// SPDX-License-Identifier: MIT
import { z } from "zod";

/** A JSON Schema object, as far as anybody here looks into one. */
export type JsonSchema = Record<string, unknown>;

/** The JSON Schema of what goes in or comes out of a zod schema, as the OpenRPC document has it. */
export function jsonSchemaOf(schema: z.ZodType, io: "input" | "output"): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io,
    target: "draft-7",
    unrepresentable: "any",
  });
  return rest;
}
