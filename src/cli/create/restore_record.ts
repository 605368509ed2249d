// SPDX-License-Identifier: MIT
// Writes and reads the file by which a checkpointed container is made again.
import { renamedCgroupsPath } from "../../oci/spec/cgroups_path.ts";
import { INVENTORY } from "../../oci/driver/criu_config.ts";
import { exists } from "../../linux/fs/exists.ts";
import { baseName } from "../../linux/fs/path_names.ts";
import { ETC_LABEL, OVERLAY_LABEL, VOLUMES_LABEL } from "../../oci/own_dirs_layout.ts";
import { readJson, writeJsonAtomic } from "../../oci/json_file.ts";
import type { NetworkParams } from "../../rpc/contract/schemas/network.ts";
import type { ContainerState, LogParams, LogState } from "../../rpc/contract/schemas.ts";
import { isRecord } from "../../rpc/is_record.ts";
import type { ContainerCreateParams } from "./create_input.ts";
import { CliError } from "../common/exit_status.ts";
import { createDir } from "../container/container_dirs.ts";
import { writeEtcFile } from "../options/etc_files.ts";

/** The file beside a checkpoint that says how to make its container again. */
const FILE = "berth-restore.json";

/** The directories that are removed with a container, by their labels, with a verb. */
const GOING = { [OVERLAY_LABEL]: "overlay is", [VOLUMES_LABEL]: "anonymous volumes are" };

/** The params of a create that make the container again: those but id and stdio. */
type RestoreParams = Pick<
  ContainerCreateParams,
  | "spec"
  | "rootfs"
  | "terminal"
  | "runtime"
  | "labels"
  | "network"
  | "log"
  | "restart"
  | "stopTimeout"
>;

/** The content of the file. */
interface RestoreRecord extends RestoreParams {
  /** Id of the container that was checkpointed; missing in a checkpoint of an early berth. */
  readonly id?: string;
  /** Whether its standard input was open, which CRIU then wants again. */
  readonly interactive?: boolean;
  /** The texts of the generated files below `/etc`, by their paths on the host. */
  readonly etc?: Readonly<Record<string, string>>;
}

/**
 * Writes down, beside a checkpoint, how its container was made. Throws a {@linkcode CliError} for a
 * container whose files would be gone at a restore.
 */
export function saveForRestore(path: string, state: ContainerState): void {
  for (const [label, what] of Object.entries(GOING)) {
    if (state.labels[label] === undefined) continue;
    throw new CliError(
      `cannot checkpoint ${state.id}: its ${what} removed with it, and a restore needs its files`,
    );
  }
  const spec = readJson<ContainerCreateParams["spec"]>(`${state.bundle}/config.json`) ?? {};
  if (hasUserNamespace(spec)) {
    throw new CliError(
      `cannot checkpoint ${state.id}: CRIU restores as root of its user namespace, who may not read ` +
        "the files that a restore needs",
    );
  }
  const { rootfs = [], network } = readJson<RestoreParams>(`${state.bundle}/berth.json`) ?? {};
  const record: RestoreRecord = {
    id: state.id,
    spec: network === undefined ? spec : withoutNetworkNamespace(spec),
    rootfs,
    terminal: state.terminal,
    runtime: state.runtime,
    labels: state.labels,
    network: network && withAddresses(network, state),
    log: state.log && logParams(state.log),
    restart: state.restart,
    stopTimeout: state.stopTimeout,
    interactive: state.stdin !== "",
    etc: readEtcFiles(state.labels[ETC_LABEL]),
  };
  writeJsonAtomic(`${path}/${FILE}`, record);
}

function hasUserNamespace({ linux }: RestoreParams["spec"]): boolean {
  return isRecord(linux) && Array.isArray(linux["namespaces"]) &&
    linux["namespaces"].some((one: unknown) => isRecord(one) && one["type"] === "user");
}

/** Returns the params of the same log, in the new container's place. Only CRI records rotate. */
function logParams({ driver, maxSize, maxFile }: LogState): LogParams {
  return driver === "cri" ? { driver, maxSize, maxFile } : { driver };
}

/**
 * Takes the network namespace of the container that was checkpointed out of the spec: the next one's
 * network has its own.
 */
function withoutNetworkNamespace(spec: RestoreParams["spec"]): RestoreParams["spec"] {
  const linux: unknown = spec["linux"];
  if (!isRecord(linux) || !Array.isArray(linux["namespaces"])) return spec;
  const namespaces = linux["namespaces"].map((namespace: unknown) =>
    isRecord(namespace) && namespace["type"] === "network" ? { type: "network" } : namespace
  );
  return { ...spec, linux: { ...linux, namespaces } };
}

/** Prefers the addresses that the container has: its processes may have sockets bound to them. */
function withAddresses(network: NetworkParams, state: ContainerState): NetworkParams {
  const addressesOf = (index: number) =>
    state.network?.interfaces[index]?.addresses.map((one) => one.split("/", 1)[0] ?? "") ?? [];
  return {
    ...network,
    preferredIps: addressesOf(0),
    additional: network.additional?.map((one, index) => ({
      ...one,
      preferredIps: addressesOf(index + 1),
    })),
  };
}

/** Reads how the container of the checkpoint in `path` is made again. */
export function readForRestore(path: string): RestoreRecord {
  const record = readJson<RestoreRecord>(`${path}/${FILE}`);
  if (!record) throw new CliError(`${path} is no checkpoint of berth's: it has no ${FILE}`);
  if (exists(`${path}/${INVENTORY}`)) return record;
  throw new CliError(
    `${path} is no whole checkpoint: it has no ${INVENTORY}, which CRIU writes last`,
  );
}

/**
 * Returns the params of the container `id` that the record describes. The generated files, which went
 * with the container that was checkpointed, are written anew, and the spec's mounts lead to them. `held`
 * is that of {@linkcode createDir}.
 */
export function restoreParams(
  root: string,
  id: string,
  record: RestoreRecord,
  held: DisposableStack,
): RestoreParams {
  const { etc = {}, id: formerId, interactive: _, ...given } = record;
  const params = { ...given, spec: withOwnCgroup(given.spec, formerId, id) };
  const { [ETC_LABEL]: former, ...labels } = params.labels ?? {};
  if (former === undefined || Object.keys(etc).length === 0) return { ...params, labels };
  const dir = createDir(root, "etc", id, held);
  for (const [path, text] of Object.entries(etc)) writeEtcFile(dir, path, text);
  const movedPath = (path: string) => Object.hasOwn(etc, path) ? `${dir}/${baseName(path)}` : path;
  const mounts: unknown = params.spec["mounts"];
  const moved = !Array.isArray(mounts) ? mounts : mounts.map((mount: unknown) => {
    if (!isRecord(mount) || typeof mount["source"] !== "string") return mount;
    return { ...mount, source: movedPath(mount["source"]) };
  });
  const { network } = params;
  return {
    ...params,
    spec: { ...params.spec, mounts: moved },
    network: network && withFiles(network, movedPath),
    labels: { ...labels, [ETC_LABEL]: dir },
  };
}

/** Names the files of the container's own where they are now. */
function withFiles(
  network: NetworkParams,
  movedPath: (path: string) => string,
): NetworkParams {
  const { hostsFile, resolvFile } = network;
  return {
    ...network,
    hostsFile: hostsFile && movedPath(hostsFile),
    resolvFile: resolvFile && movedPath(resolvFile),
  };
}

/**
 * Moves the spec's cgroup, if it is named after the container that was checkpointed, to one named after
 * this; see {@linkcode renamedCgroupsPath}. The daemon takes any other where it is free.
 */
function withOwnCgroup(
  spec: ContainerCreateParams["spec"],
  former: string | undefined,
  id: string,
): ContainerCreateParams["spec"] {
  const linux: unknown = spec["linux"];
  if (former === undefined || !isRecord(linux)) return spec;
  const path = linux["cgroupsPath"];
  if (typeof path !== "string") return spec;
  return { ...spec, linux: { ...linux, cgroupsPath: renamedCgroupsPath(path, former, id) } };
}

function readEtcFiles(dir: string | undefined): Record<string, string> {
  if (dir === undefined) return {};
  const paths = [...Deno.readDirSync(dir)].map(({ name }) => `${dir}/${name}`);
  return Object.fromEntries(paths.map((path) => [path, Deno.readTextFileSync(path)]));
}
