// SPDX-License-Identifier: MIT
import { defaultSpec } from "../../oci/spec/default_spec.ts";
import type { SecurityDefaults } from "../../oci/spec/security.ts";
import type { UserNamespace } from "../../oci/user_namespace/id_mapping.ts";
import { remapTo } from "../../oci/user_namespace/subordinate_ids.ts";
import type { DaemonContract } from "../../rpc/contract/daemon.ts";
import type { ParsedParamsOf, ResultOf } from "../../rpc/contract/method.ts";
import { InvalidParamsError } from "../../rpc/errors.ts";
import { signalNumber } from "../../rpc/signal_param.ts";

/** The part of the config that a default spec depends on. */
export interface SpecDefaults extends SecurityDefaults {
  /** The user whose subordinate ids are those of a container. Default: the host's ids. */
  readonly usernsRemap?: string | undefined;
}

/** The largest seccomp profile that is read, in bytes. */
const MAX_PROFILE = 4 * 1024 * 1024;

/** Seccomp profiles that are no files. */
const NAMED_PROFILES = ["default", "unconfined", "builtin"];

/** The host name of a container that is given neither a name nor an id. */
const HOSTNAME = "berth";

/**
 * Returns the OCI spec that the params of `spec.default` ask for. `defaults` come from the config.
 *
 * @throws {InvalidParamsError} if something that they name is not there, or fits nothing.
 * @throws {FailedPreconditionError} if there is no init program.
 */
export async function defaultSpecOf(
  params: ParsedParamsOf<DaemonContract, "spec.default">,
  defaults: SpecDefaults,
): Promise<ResultOf<DaemonContract, "spec.default">> {
  const {
    id = HOSTNAME,
    groupAdd,
    privileged,
    capAdd = [],
    capDrop = [],
    securityOpt = [],
    stopSignal,
    userns,
    ...rest
  } = params;
  await checkDirectory(params.rootfs);
  for (const option of securityOpt) await checkProfile(option);
  if (stopSignal !== undefined) signalNumber(stopSignal);
  const userNamespace = userns === "host" ? undefined : remapped(params, defaults.usernsRemap);
  const spec = defaultSpec({
    ...rest,
    id,
    userNamespace,
    groups: groupAdd,
    stopSignal,
    security: {
      ...(privileged !== undefined && { privileged }),
      capabilities: { add: capAdd, drop: capDrop },
      securityOpts: securityOpt,
      defaults,
    },
  });
  return { spec: { ...spec } };
}

/** The user namespace of `userns_remap`, which belongs to nothing of the host's. */
function remapped(
  { privileged, namespaces = {} }: ParsedParamsOf<DaemonContract, "spec.default">,
  user: string | undefined,
): UserNamespace | undefined {
  if (user === undefined) return undefined;
  const { network, pid, ipc } = namespaces;
  if (privileged !== true && network === undefined && pid === undefined && ipc === undefined) {
    return remapTo(user);
  }
  throw invalid(
    "userns",
    "containers get a user namespace of their own here (userns_remap), and then can neither be " +
      "privileged nor share a network, pid or ipc namespace; give userns: host",
  );
}

async function checkDirectory(path: string): Promise<void> {
  try {
    if ((await Deno.stat(path)).isDirectory) return;
  } catch (error) {
    throw invalid("rootfs", `there is no directory ${path}`, error);
  }
  throw invalid("rootfs", `${path} is not a directory`);
}

/** A daemon reads nothing that could make it wait: a FIFO, or a device. */
async function checkProfile(option: string): Promise<void> {
  const [, path] = /^seccomp[=:](.+)$/s.exec(option) ?? [];
  if (path === undefined || NAMED_PROFILES.includes(path)) return;
  if (!path.startsWith("/")) {
    throw invalid("securityOpt", `the path of a seccomp profile must be absolute, not ${path}`);
  }
  try {
    const { isFile, size } = await Deno.stat(path);
    if (isFile && size <= MAX_PROFILE) return;
  } catch (error) {
    throw invalid("securityOpt", `seccomp profile ${path}: no such file`, error);
  }
  throw invalid("securityOpt", `seccomp profile ${path}: not a file of at most 4 MiB`);
}

function invalid(path: string, message: string, cause?: unknown): InvalidParamsError {
  return new InvalidParamsError(
    `cannot make a spec: ${message}`,
    [{ path, message }],
    cause === undefined ? {} : { cause },
  );
}
