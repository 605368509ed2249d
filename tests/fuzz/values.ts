// SPDX-License-Identifier: MIT
import { Random } from "../soak/random.ts";
import type { ParamSchema } from "../../src/rpc/contract/check_params.ts";

/** Values that fit by chance at most. No string of them names a file outside a bundle. */
const JUNK: readonly unknown[] = [
  "",
  "\0",
  "a\0b",
  "é",
  "💥",
  "\ud800",
  "x".repeat(300),
  "x".repeat(70_000),
  "__proto__",
  "constructor",
  "-1",
  "null",
  " ",
  "a/b",
  "%s%n{reason}",
  "\r\n\u2028",
  -1,
  0,
  1.5,
  65_536,
  2 ** 31,
  2 ** 53,
  1e308,
  null,
  true,
  false,
  [],
  {},
  [[[[[]]]]],
  [null],
  { a: { b: { c: {} } } },
];

/** Returns a value that most likely does not fit. */
export function junk(random: Random): unknown {
  // A copy: what it is put into may be changed again.
  return structuredClone(JUNK[random.below(JUNK.length)]);
}

/**
 * Returns a value that mostly fits a schema. `known` gives values for members by their names, as a
 * schema does not say which container or file there is.
 */
export function valueFor(
  random: Random,
  schema: ParamSchema,
  known: (name: string) => unknown,
): unknown {
  if (schema.enum !== undefined) return schema.enum[random.below(schema.enum.length)];
  if (schema.anyOf !== undefined) {
    const branch = schema.anyOf[random.below(schema.anyOf.length)];
    return branch === undefined ? null : valueFor(random, branch, known);
  }
  switch (schema.type) {
    case "object":
      return objectFor(random, schema, known);
    case "array": {
      const { items = {} } = schema;
      return Array.from({ length: random.below(3) }, () => valueFor(random, items, known));
    }
    case "integer": {
      const { minimum = -10, maximum = 2 ** 53 } = schema;
      return random.pick([
        [4, minimum + random.below(100)],
        [1, minimum],
        [1, maximum],
        [1, minimum - 1],
        [1, maximum + 1],
      ]);
    }
    case "boolean":
      return random.below(2) === 0;
    case "string":
      return random.pick([[3, "a"], [1, ""], [1, "b".repeat(80)], [1, "ü"]]);
    case "null":
      return null;
    default:
      return junk(random);
  }
}

function objectFor(
  random: Random,
  schema: ParamSchema,
  known: (name: string) => unknown,
): Record<string, unknown> {
  const { properties = {}, required = [], additionalProperties } = schema;
  const value: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(properties)) {
    if (!required.includes(name) && random.next() < 0.7) continue;
    value[name] = known(name) ?? valueFor(random, member, known);
  }
  if (additionalProperties && random.next() < 0.5) {
    value[`k${random.below(5)}`] = valueFor(random, additionalProperties, known);
  }
  return value;
}

/**
 * Changes one member somewhere in `value`, in place: replaces it by junk, removes it or adds one.
 * Members of the names in `spared` stay as they are, with all below them.
 */
export function mutate(random: Random, value: unknown, spared: ReadonlySet<string>): void {
  let at = value;
  while (typeof at === "object" && at !== null) {
    const target: Record<string, unknown> = Object.assign(at);
    const names = Object.keys(target).filter((name) => !spared.has(name));
    const name = names[random.below(Math.max(1, names.length))];
    const below = name === undefined ? undefined : target[name];
    if (name !== undefined && typeof below === "object" && below !== null && random.next() < 0.7) {
      at = below;
      continue;
    }
    const what = random.below(4);
    if (what === 0 || name === undefined) target[`x${random.below(9)}`] = junk(random);
    else if (what === 1) delete target[name];
    else target[name] = junk(random);
    return;
  }
}
