// SPDX-License-Identifier: MIT
import { TestDaemon, type TestDaemonOptions } from "../daemon.ts";
import { LeakAudit } from "./leak_audit.ts";

/** The daemon of {@linkcode audited}, and files that are no leak. */
export interface AuditedOptions extends TestDaemonOptions {
  /** Files below the daemon's directory that the test leaves there; FIFOs if left out. */
  readonly ignoreFiles?: RegExp;
}

/** Does `work` with a daemon of its own, and fails if anything but files of the test is left of it. */
export async function audited(
  work: (daemon: TestDaemon) => Promise<void>,
  { ignoreFiles = /^fifo-/, ...options }: AuditedOptions = {},
): Promise<void> {
  await using daemon = await TestDaemon.start(options);
  const audit = await LeakAudit.warm(daemon);
  await work(daemon);
  await audit.assertClean({ ignoreFiles });
}
