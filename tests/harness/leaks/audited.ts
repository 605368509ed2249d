// SPDX-License-Identifier: MIT
import { TestDaemon, type TestDaemonOptions } from "../daemon.ts";
import type { JsonObject } from "../rootfs.ts";
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

/** The options of {@linkcode audited}, and members of the container's spec. */
export interface AuditedContainerOptions extends AuditedOptions {
  readonly override?: JsonObject;
}

/** Does `work` as {@linkcode audited} does, with a container `c` that sleeps. */
export async function auditedContainer(
  work: (daemon: TestDaemon) => Promise<void>,
  { override, ...options }: AuditedContainerOptions = {},
): Promise<void> {
  await audited(async (daemon) => {
    await daemon.run("c", ["sleep", "1000"], override);
    await work(daemon);
    await daemon.remove("c");
  }, options);
}
