// SPDX-License-Identifier: MIT
import { z } from "zod";
import { ROOT } from "../root.ts";

/** A call and its answer, with what differs from run to run made the same. */
export const example = z.strictObject({
  method: z.string(),
  params: z.record(z.string(), z.unknown()),
  result: z.unknown().optional(),
  error: z.strictObject({
    code: z.int(),
    message: z.string(),
    data: z.looseObject({ kind: z.string() }),
  }).optional(),
});

/** The examples of a reference: those of the daemon, of the shim, and one notification of each. */
const examples = z.strictObject({
  daemon: z.array(example),
  event: z.unknown(),
  tick: z.unknown(),
  shim: z.array(example),
  shimEvent: z.unknown(),
  runtimeCall: z.unknown(),
});

/** One call as it was run. */
export type Example = z.output<typeof example>;
/** All that was recorded. */
export type Examples = z.output<typeof examples>;

/** Where the recorded examples are kept. */
export const EXAMPLES_FILE = `${ROOT}/docs/reference/examples.json`;

/** The examples that were recorded last; `deno task docs --record` runs them anew. */
export async function readExamples(): Promise<Examples> {
  return examples.parse(JSON.parse(await Deno.readTextFile(EXAMPLES_FILE)));
}
