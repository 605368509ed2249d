// SPDX-License-Identifier: MIT
import { exists } from "../../linux/fs/exists.ts";
import { RuntimeError } from "../../rpc/errors.ts";
import type { RuncCheckpointOptions } from "../messages/options.ts";
import type { Decoded } from "../protobuf/fields.ts";
import type { TaskContainer } from "./container.ts";

/** Writes a checkpoint of a container to `path`. CRIU's log of one that failed stays in the bundle. */
export async function checkpoint(
  { service, bundle }: TaskContainer,
  path: string,
  options: Decoded<typeof RuncCheckpointOptions>,
): Promise<void> {
  const imagePath = path || options.image_path;
  const workPath = options.work_path || imagePath;
  try {
    await service.checkpoint({
      path: imagePath,
      exit: options.exit,
      workPath,
      flags: flagsOf(options),
    });
  } catch (error) {
    const log = `${workPath}/dump.log`;
    if (!(error instanceof RuntimeError) || !exists(log)) throw error;
    const kept = `${bundle}/criu-dump.log`;
    Deno.copyFileSync(log, kept);
    throw new RuntimeError(`${error.message}; CRIU's log is ${kept}`, {
      cause: error,
      data: error.data,
    });
  }
}

function flagsOf(options: Decoded<typeof RuncCheckpointOptions>): string[] {
  const flags: string[] = [];
  if (options.open_tcp) flags.push("--tcp-established");
  if (options.external_unix_sockets) flags.push("--ext-unix-sk");
  if (options.terminal) flags.push("--shell-job");
  if (options.file_locks) flags.push("--file-locks");
  for (const namespace of options.empty_namespaces) flags.push("--empty-ns", namespace);
  if (options.cgroups_mode !== "") flags.push("--manage-cgroups-mode", options.cgroups_mode);
  return flags;
}
