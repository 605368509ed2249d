// SPDX-License-Identifier: MIT
import type { LogRecord, StdioPaths } from "../../oci/bundle_layout.ts";
import { FILE_PREFIX } from "../../oci/bundle_layout.ts";
import { AdoptedStdio } from "../stdio/adopted_stdio.ts";
import { FdStdio } from "../stdio/fd_stdio.ts";
import type { OpenStdioOptions } from "../stdio/open.ts";
import type { Stdio } from "../stdio/stdio.ts";
import { TerminalStdio } from "../stdio/terminal_stdio.ts";
import { LogWriter } from "./log_writer.ts";
import { LoggedOutput } from "./logged_output.ts";
import { LoggedStdio } from "./logged_stdio.ts";

/**
 * Opens the stdio of a process whose output is logged.
 *
 * @throws {InvalidParamsError} if a FIFO is missing.
 * @throws {LinuxError} if the log cannot be opened.
 */
export function openLoggedStdio(options: OpenStdioOptions & { readonly log: LogRecord }): Stdio {
  const { stdio, log, poller } = options;
  if (!stdio.terminal) {
    const direct = directStdio(stdio, log);
    return direct === undefined ? LoggedStdio.open(options) : FdStdio.open(direct, poller);
  }
  using resources = new DisposableStack();
  const writer = resources.use(new LogWriter(options));
  writer.open();
  const output = new LoggedOutput(writer, stdio.stdout, poller);
  resources.move();
  return TerminalStdio.open({ ...options, stdin: stdio.stdin, output });
}

/** Takes over the stdio of a process without a terminal, which runs if `alive`. */
export function adoptLoggedStdio(
  options: Omit<OpenStdioOptions, "socket"> & { readonly log: LogRecord },
  alive: boolean,
): Stdio {
  const direct = directStdio(options.stdio, options.log);
  return direct === undefined
    ? LoggedStdio.adopt(options, alive)
    : new AdoptedStdio(direct, alive, options.poller);
}

/** Where the process itself can write the log, so that nothing has to be copied; or undefined. */
function directStdio(stdio: StdioPaths, { driver, path }: LogRecord): StdioPaths | undefined {
  if (driver === "cri" || stdio.stdout !== "" || stdio.stderr !== "") return undefined;
  const target = driver === "raw" ? `${FILE_PREFIX}${path}` : "";
  return { ...stdio, stdout: target, stderr: target };
}
