// SPDX-License-Identifier: MIT
import { findCommand } from "./system_packages.ts";

/**
 * Registers a test that needs these commands of the system, which `deno task test` installs. With
 * plain `deno test` on a machine without one of them it is ignored, and its name says why.
 */
export function testNeeding(
  commands: readonly string[],
  name: string,
  body: () => void | Promise<void>,
): void {
  const missing = commands.filter((command) => findCommand(command) === undefined);
  const ignore = missing.length > 0;
  const reason = ignore ? ` (not found here: ${missing.join(", ")})` : "";
  Deno.test({ name: `${name}${reason}`, ignore, fn: body });
}
