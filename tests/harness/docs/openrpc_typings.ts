// SPDX-License-Identifier: MIT
import typings from "@open-rpc/typings";
import { isRecord } from "../../../src/rpc/is_record.ts";

const PREFIX = "#/components/schemas/";

/** Returns the TypeScript types that the generator of OpenRPC's makers makes of a document. */
export function generateTypings(document: Record<string, unknown>): string {
  const components = isRecord(document.components) ? document.components : {};
  const schemas = isRecord(components.schemas) ? components.schemas : {};
  // The generator takes a document without references.
  const dereferenced = dereference(document, schemas);
  // Its own types describe another form of module than the one that is loaded.
  return Reflect.construct(Reflect.get(typings, "default"), [dereferenced]).toString("typescript");
}

function dereference(value: unknown, schemas: Record<string, unknown>): unknown {
  if (Array.isArray(value)) return value.map((one) => dereference(one, schemas));
  if (!isRecord(value)) return value;
  if (typeof value.$ref === "string" && value.$ref.startsWith(PREFIX)) {
    return dereference(schemas[value.$ref.slice(PREFIX.length)], schemas);
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, dereference(member, schemas)]),
  );
}
