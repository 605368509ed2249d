// SPDX-License-Identifier: MIT
import { pickEnvironment } from "../../linux/process/environment.ts";

/**
 * The variables of this process's environment that an OCI runtime gets: where programs, libraries
 * and temporary files are, how to speak, and how rootless runtimes find the user's systemd. All
 * else, such as a token in the daemon's environment, is nothing to the runtime or the hooks that it
 * runs.
 */
export const RUNTIME_VARIABLES: readonly string[] = [
  "PATH",
  "LD_LIBRARY_PATH",
  "HOME",
  "TMPDIR",
  "LANG",
  "LC_ALL",
  "TZ",
  "XDG_RUNTIME_DIR",
  "DBUS_SESSION_BUS_ADDRESS",
];

/** Returns the environment of a call of the OCI runtime. */
export function runtimeEnvironment(): Record<string, string> {
  return pickEnvironment(RUNTIME_VARIABLES);
}
