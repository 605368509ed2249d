// SPDX-License-Identifier: MIT
import type { JsonSchema } from "../../src/rpc/contract/json_schema.ts";
import { isRecord } from "../../src/rpc/is_record.ts";

/** A bound, turned so that of two lower or of two upper ones the greater is the narrower. */
interface Bound {
  readonly keyword: string;
  readonly at: number;
  /** Whether the number at the bound is left out. */
  readonly isOpen: boolean;
}

/** Returns the keywords by which a schema leaves out some of the numbers that another one accepts. */
export function numbersLeftOut(accepting: JsonSchema, schema: JsonSchema): string[] {
  const isInteger = accepting.type === "integer";
  const steps = [...(isInteger ? [1] : []), ...numbersOf(accepting, "multipleOf")];
  const coarser = numbersOf(schema, "multipleOf").filter((step) =>
    !steps.some((one) => Number.isInteger(one / step))
  );
  return [
    ...narrower(lowerBounds(accepting, isInteger), lowerBounds(schema, isInteger)),
    ...narrower(upperBounds(accepting, isInteger), upperBounds(schema, isInteger)),
    ...coarser.map(() => "multipleOf"),
  ];
}

function lowerBounds(schema: JsonSchema, isInteger: boolean): Bound[] {
  return [
    ...numbersOf(schema, "minimum").map((at) => closedBound("minimum", at, isInteger)),
    ...numbersOf(schema, "exclusiveMinimum").map((at) =>
      openBound("exclusiveMinimum", at, isInteger)
    ),
  ];
}

function upperBounds(schema: JsonSchema, isInteger: boolean): Bound[] {
  return [
    ...numbersOf(schema, "maximum").map((at) => closedBound("maximum", -at, isInteger)),
    ...numbersOf(schema, "exclusiveMaximum").map((at) =>
      openBound("exclusiveMaximum", -at, isInteger)
    ),
  ];
}

function closedBound(keyword: string, at: number, isInteger: boolean): Bound {
  return { keyword, at: isInteger ? Math.ceil(at) : at, isOpen: false };
}

/** Returns the bound that leaves `at` out; of integers those above 4 are those from 5 on. */
function openBound(keyword: string, at: number, isInteger: boolean): Bound {
  return { keyword, at: isInteger ? Math.floor(at) + 1 : at, isOpen: !isInteger };
}

/** Returns the keywords of those bounds that are narrower than each of the others. */
function narrower(others: readonly Bound[], bounds: readonly Bound[]): string[] {
  return bounds
    .filter(({ at, isOpen }) =>
      others.every((other) => at > other.at || at === other.at && isOpen && !other.isOpen)
    )
    .map(({ keyword }) => keyword);
}

/** Returns the numbers that a keyword has in a schema and in those of its `allOf`. */
function numbersOf(schema: JsonSchema, keyword: string): number[] {
  const { allOf } = schema;
  return [schema, ...(Array.isArray(allOf) ? allOf.filter(isRecord) : [])]
    .map((one) => one[keyword]).filter((value) => typeof value === "number");
}
