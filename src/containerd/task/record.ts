// SPDX-License-Identifier: MIT
import type { BundleRecord, StdioPaths } from "../../oci/bundle_layout.ts";
import { BUNDLE_FORMAT } from "../../oci/bundle_layout.ts";
import { isRuncBinary } from "../../oci/driver/executable.ts";
import {
  cgroupsPathOf,
  hasHooks,
  hasOwnPidNamespace,
  hasSystemdCgroup,
  mappedRoot,
} from "../../oci/spec/facts.ts";
import { InvalidParamsError } from "../../rpc/errors.ts";
import type { CreateRequest } from "../messages/task.ts";
import type { Decoded } from "../protobuf/fields.ts";
import type { TaskOptions } from "./options.ts";

/** A create's request, decoded, and what was read for it. */
export interface RecordParts {
  readonly request: Decoded<typeof CreateRequest>;
  readonly options: TaskOptions;
  readonly stdio: StdioPaths;
  /** The OCI spec in the bundle. */
  readonly spec: Readonly<Record<string, unknown>>;
  readonly namespace: string;
}

/**
 * Returns the record of a container that containerd creates.
 *
 * @throws {InvalidParamsError} if a mount has an option that only containerd itself understands, and
 *   if there is a parent checkpoint.
 */
export function makeRecord(
  { request, options, stdio, spec, namespace }: RecordParts,
): BundleRecord {
  if (request.parent_checkpoint !== "") {
    throw refusal("parent_checkpoint", "a checkpoint with a parent cannot be restored");
  }
  const { io } = options;
  const owner = io.uid === 0 && io.gid === 0 ? undefined : io;
  const root0 = mappedRoot(spec);
  const cgroupsPath = cgroupsPathOf(spec);
  return {
    format: BUNDLE_FORMAT,
    id: request.id,
    instance: crypto.randomUUID(),
    runtime: options.binaryName,
    runtimeRoot: `${options.root}/${namespace}`,
    stdio,
    rootfs: request.rootfs.map(rootfsMount),
    ...(root0 === undefined ? {} : { mappedRoot: root0 }),
    ...(owner === undefined ? {} : { stdioOwner: owner }),
    noPivot: options.noPivotRoot,
    noNewKeyring: options.noNewKeyring,
    directStart: isRuncBinary(options.binaryName) && !hasHooks(spec, "poststart"),
    sharedPidNamespace: !hasOwnPidNamespace(spec),
    systemdCgroup: options.systemdCgroup || hasSystemdCgroup(spec),
    labels: {},
    ...(cgroupsPath === undefined ? {} : { cgroupsPath }),
    ...(request.checkpoint === "" ? {} : { checkpoint: request.checkpoint }),
    ...(options.criuWorkPath === "" ? {} : { criuWorkPath: options.criuWorkPath }),
    createdAt: new Date().toISOString(),
  };
}

function rootfsMount({ type, source, target, options }: RecordParts["request"]["rootfs"][number]) {
  for (const option of options) {
    if (option.startsWith("X-containerd.")) {
      throw refusal("rootfs", `${option} is for containerd, not for a shim`);
    }
  }
  return { type, source, options, ...(target === "" ? {} : { target }) };
}

function refusal(path: string, message: string): InvalidParamsError {
  return new InvalidParamsError(`${path}: ${message}`, [{ path, message }]);
}
