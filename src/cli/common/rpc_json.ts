// SPDX-License-Identifier: MIT
// Params and errors of calls by name, as JSON.
import { EXIT_BERTH } from "../../command_line.ts";
import { BerthError } from "../../rpc/errors.ts";
import { isRecord } from "../../rpc/is_record.ts";
import { printStderr } from "../text/print.ts";
import { CliError } from "./exit_status.ts";
import { messageOf } from "../../error_text.ts";
import { parseJson } from "../../rpc/json.ts";

/**
 * Returns the params of a call as a person writes them: a JSON object, `-` to read it from standard
 * input. Throws a {@linkcode CliError} where that is none.
 */
export async function parseParams(text: string): Promise<Record<string, unknown>> {
  const json = text === "-" ? await new Response(Deno.stdin.readable).text() : text;
  let value: unknown;
  try {
    value = parseJson(json);
  } catch (error) {
    throw new CliError(`params are not valid JSON: ${messageOf(error)}`, { cause: error });
  }
  if (!isRecord(value)) throw new CliError('params must be a JSON object, such as {"id":"web"}');
  return value;
}

/**
 * Prints the remote error as JSON on standard error, for `berth call` and `berth shim`, and sets the
 * exit status 125. Rethrows any other error.
 */
export function printRpcError(error: unknown): void {
  if (!(error instanceof BerthError)) throw error;
  const { code, message, kind, data } = error;
  printStderr(JSON.stringify({ error: { code, message, data: { kind, ...data } } }));
  Deno.exitCode = EXIT_BERTH;
}
