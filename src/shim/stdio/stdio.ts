// SPDX-License-Identifier: MIT
import type { Poller } from "../../linux/fd/poller.ts";
import type { HostUser, LogRecord, StdioPaths } from "../../oci/bundle_layout.ts";
import type { ProcessStdio } from "../../oci/driver/call_options.ts";

/** The fds that the OCI runtime gets as its stdio; a process without a terminal inherits them. */
export interface StdioFds {
  readonly stdin: number;
  readonly stdout: number;
  readonly stderr: number;
}

/** The input and output of one process, from before it is created until it is deleted. */
export interface Stdio {
  /** The fds that the OCI runtime is given; undefined with a terminal, where it needs none. */
  readonly fds: StdioFds | undefined;
  /** Path that the OCI runtime sends the pty's master to; undefined without a terminal. */
  readonly consoleSocket: string | undefined;
  /** Called when the OCI runtime has returned: the process has its stdio. */
  onStart(): void;
  /** Called when the process has exited: output that is still unread stays for a reader. */
  onExit(): void;
  /** Lets the process see the end of its stdin once other writers are gone. */
  closeStdin(): void;
  /** Sets the size of the terminal in characters; false where there is none (any more). */
  resize(width: number, height: number): boolean;
  /** Resolves when all that is copied here has been; at once where nothing is. */
  copied(): Promise<void>;
  /** Releases everything. Unread output is lost. */
  close(): Promise<void>;
}

/** Returns the stdio among the options of a call of the OCI runtime. */
export function stdioOptions({ fds, consoleSocket }: Stdio): ProcessStdio {
  return { ...fds, consoleSocket };
}

/** The stdio that `openStdio` opens, and the place for its files. */
export interface OpenStdioOptions {
  /** The bundle, where a terminal's socket and FIFOs for copying are made. */
  readonly dir: string;
  /** Begins the names of these. */
  readonly name: string;
  readonly stdio: StdioPaths;
  /** Set where the output is logged. */
  readonly log?: LogRecord | undefined;
  /** Root of the container's user namespace, to which the FIFOs are given. */
  readonly owner?: HostUser | undefined;
  readonly poller: Poller;
  /** Writes a line for a person to read. */
  readonly report: (message: string) => void;
}
