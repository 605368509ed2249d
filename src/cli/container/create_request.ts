// SPDX-License-Identifier: MIT
import { pathNames } from "../../linux/fs/path_names.ts";
import { fdPath } from "../../linux/fd/fd.ts";
import { ELOOP, ENOENT, ENOTDIR, isErrno } from "../../linux/libc/errno.ts";
import { openInRoot } from "../../linux/mount/open_in_root.ts";
import { cgroupsPathBelow } from "../../oci/spec/cgroups_path.ts";
import { defaultSpec } from "../../oci/spec/default_spec.ts";
import { hostRoot, type UserNamespace } from "../../oci/user_namespace/id_mapping.ts";
import { USERNS_LABEL } from "../options/user_namespace.ts";
import type { SecurityDefaults } from "../../oci/spec/security.ts";
import { resolveUser } from "../../oci/spec/passwd.ts";
import { ImageError } from "../../images/errors.ts";
import { overlayMount } from "../../images/rootfs.ts";
import type { DaemonContract } from "../../rpc/contract/daemon.ts";
import type { ParamsOf } from "../../rpc/contract/method.ts";
import type { NetworkParams } from "../../rpc/contract/network/schemas.ts";
import { InvalidParamsError } from "../../rpc/errors.ts";
import { isRecord } from "../../rpc/is_record.ts";
import { formatCommand } from "../text/format.ts";
import { type ContainerImage, realDirectory, type Rootfs } from "../image/rootfs.ts";
import { IMAGE_ID_LABEL, IMAGE_LABEL } from "../image/labels.ts";
import { makeVolumes } from "../image/volumes.ts";
import { type ContainerOptions, labelEntry, SPEC_OPTIONS } from "../options/options.ts";
import { CliError } from "../common/exit_status.ts";
import {
  COMMAND_LABEL,
  createDir,
  ETC_LABEL,
  OVERLAY_LABEL,
  removeOwnDirs,
  VOLUMES_LABEL,
} from "./container_dirs.ts";
import { environmentEntry, readLinesFile } from "../options/environment.ts";
import { canMountOn, etcTexts, writeEtcFiles } from "../options/etc_files.ts";
import { type LogFlags, logFrom } from "../options/log_options.ts";
import { type MountOption, shmMount } from "../options/mounts.ts";
import type { Namespaces } from "../options/namespaces.ts";
import { parseStopSignal } from "../options/stop_signal.ts";
import { resourcesFrom } from "../options/resources.ts";
import { messageOf } from "../../rpc/error_text.ts";
import { parseJson } from "../../rpc/json.ts";

/** Params of `container.create`. */
export type ContainerCreateParams = ParamsOf<DaemonContract, "container.create">;

/** A spec as JSON. */
type Spec = Record<string, unknown>;

/** What a container is to be made from. */
export interface CreateInput {
  readonly options: ContainerOptions;
  /** The root filesystem, with the command that runs in it. */
  readonly rootfs: Rootfs;
  /** The daemon's root directory. */
  readonly root: string;
  /** The namespaces that it shares. */
  readonly namespaces: Namespaces;
  /** The network that CNI plugins make, if it gets one. */
  readonly network?: NetworkParams | undefined;
  /** What the daemon's config says of containers. */
  readonly defaults: SecurityDefaults;
  /** Tells the user namespace of the container by its id; undefined is the host's. */
  readonly userNamespace: (id: string) => UserNamespace | undefined;
}

/**
 * Returns the params of `container.create` that the options ask for, without stdio. Makes directories
 * of the container's own under `root`, which its labels name; the caller removes them when the create
 * fails.
 */
export async function createRequest(
  id: string,
  request: CreateInput,
): Promise<ContainerCreateParams> {
  const { options, root, rootfs } = request;
  const { args, lowers, image } = rootfs;
  if (options.bundle !== undefined) return fromBundle(id, options.bundle, options, args);
  const given = mountsOf(options, request.namespaces);
  const dirs: Record<string, string> = {};
  const userNamespace = request.userNamespace(id);
  try {
    checkImage(request);
    const volumes = await volumeMounts(id, given, request, dirs);
    // As docker has it: what is mounted below another mount comes after it.
    const mounts = [...given, ...volumes].toSorted((one, other) =>
      pathNames(one.destination).length - pathNames(other.destination).length
    );
    const etc = etcMounts(id, mounts, request, dirs, userNamespace);
    const spec = specOf(id, [...mounts, ...etc], request, userNamespace);
    const overlay = lowers.length > 0 ? createDir(root, "overlay", id) : undefined;
    if (overlay !== undefined) dirs[OVERLAY_LABEL] = overlay;
    return {
      id,
      spec,
      ...(overlay !== undefined && { rootfs: [overlayOn(rootfs, overlay, userNamespace)] }),
      labels: {
        ...image && imageLabels(image),
        ...labelsOf(options, args),
        ...options.userns === "auto" && userNamespace && usernsLabel(userNamespace),
        ...dirs,
      },
      ...(request.network !== undefined && { network: networkOf(request.network, etc) }),
      ...common(options),
    };
  } catch (error) {
    removeOwnDirs(root, id, dirs);
    if (image === undefined || !(error instanceof ImageError)) throw error;
    throw new ImageError(`image ${image.name}: ${error.message}`, { cause: error });
  }
}

/**
 * Checks what the image's config asks for and the options do not.
 *
 * @throws {ImageError} with what to do instead.
 */
function checkImage({ options, rootfs: { image, path } }: CreateInput): void {
  const { user = "", stopSignal, workingDir = "/" } = image?.config ?? {};
  try {
    if (user !== "" && options.user === undefined) resolveUser(path, user);
  } catch (error) {
    if (!(error instanceof InvalidParamsError)) throw error;
    throw new ImageError(`its ${error.message}; say another with --user`, { cause: error });
  }
  try {
    if (stopSignal !== undefined && options.stopSignal === undefined) parseStopSignal(stopSignal);
  } catch (error) {
    const why = `its stop signal: ${messageOf(error)}; say another with --stop-signal`;
    throw new ImageError(why, { cause: error });
  }
  if (options.workdir === undefined && isFile(path, workingDir)) {
    throw new ImageError(
      `its working directory ${workingDir} is a file in it; say another with --workdir`,
    );
  }
}

/** Returns whether a path in the root filesystem leads to a file; not where nothing is there. */
function isFile(rootfs: string, path: string): boolean {
  try {
    using found = openInRoot(rootfs, path);
    return Deno.statSync(fdPath(found.fd)).isFile;
  } catch (error) {
    if (isErrno(error, ENOENT, ENOTDIR, ELOOP)) return false;
    throw error;
  }
}

/** Names the hosts file to which the daemon adds the container's addresses, if it was made here. */
function networkOf(network: NetworkParams, etc: readonly MountOption[]): NetworkParams {
  const hosts = etc.find(({ destination }) => destination === "/etc/hosts")?.source;
  return hosts === undefined ? network : { ...network, hostsFile: hosts };
}

/** Returns the user that the container runs as: the option's, or the image's. */
function userOf({ options, rootfs: { image } }: CreateInput): string | undefined {
  return options.user ?? (image?.config.user || undefined);
}

/** Returns the volumes that the image asks for, but where something is mounted already. */
async function volumeMounts(
  id: string,
  mounts: readonly MountOption[],
  request: CreateInput,
  dirs: Record<string, string>,
): Promise<MountOption[]> {
  const { rootfs: { image, path }, root } = request;
  const paths = (image?.config.volumes ?? []).filter((volume) =>
    !mounts.some(({ destination }) =>
      pathNames(destination).join("/") === pathNames(volume).join("/")
    )
  );
  if (paths.length === 0) return [];
  const dir = dirs[VOLUMES_LABEL] = createDir(root, "volumes", id);
  // The container's users go through it to their volumes' mounts.
  const user = userOf(request);
  const owner = user === undefined ? { uid: 0, gid: 0 } : resolveUser(path, user);
  return await makeVolumes(dir, path, paths, owner);
}

function specOf(
  id: string,
  mounts: readonly MountOption[],
  request: CreateInput,
  userNamespace: UserNamespace | undefined,
): Spec {
  const { options, namespaces, defaults, rootfs: { path: rootfs, args, image } } = request;
  const stopSignal = options.stopSignal ?? image?.config.stopSignal;
  const workdir = options.workdir ?? image?.config.workingDir;
  const user = userOf(request);
  const env = [
    ...image?.config.env ?? [],
    ...(options.envFile ?? []).flatMap(readLinesFile),
    ...options.env ?? [],
  ];
  return {
    ...defaultSpec({
      id,
      rootfs,
      args,
      env: env.flatMap(environmentEntry),
      mounts,
      resources: { ...resourcesFrom(options) },
      terminal: options.tty ?? false,
      readOnly: options.readOnly ?? false,
      namespaces,
      ...(userNamespace && { userNamespace, ownNetwork: request.network === undefined }),
      groups: options.groupAdd ?? [],
      rlimits: options.ulimit ?? [],
      devices: options.device ?? [],
      security: {
        privileged: options.privileged ?? false,
        capabilities: { add: options.capAdd ?? [], drop: options.capDrop ?? [] },
        securityOpts: options.securityOpt ?? [],
        defaults,
      },
      ...(options.sysctl && { sysctl: options.sysctl }),
      ...(options.annotation && { annotations: options.annotation }),
      ...(options.init && { init: true }),
      ...(stopSignal !== undefined && { stopSignal }),
      ...(workdir !== undefined && { cwd: workdir }),
      ...(user !== undefined && { user }),
      ...(options.hostname !== undefined && { hostname: options.hostname }),
      ...(options.cgroupParent !== undefined && {
        cgroupsPath: cgroupsPathBelow(options.cgroupParent, id),
      }),
    }),
  };
}

/**
 * Returns the mounts that the options ask for. Throws a {@linkcode CliError} for a source that is
 * not there.
 */
function mountsOf(options: ContainerOptions, namespaces: Namespaces): MountOption[] {
  const mounts = [
    ...options.mount ?? [],
    ...options.volume ?? [],
    ...options.tmpfs ?? [],
  ];
  for (const { type, source } of mounts) if (type === "bind") checkSource(source);
  if (options.shmSize !== undefined) {
    if (namespaces.ipc !== undefined) {
      throw new CliError(
        "--shm-size needs an IPC namespace of the container's own: leave out --ipc",
      );
    }
    return [shmMount(options.shmSize), ...mounts];
  }
  // POSIX shared memory lives in /dev/shm (shm_overview(7)). Another container's cannot be mounted: it
  // is in a mount namespace of its own.
  return namespaces.ipc === "host" ? [HOST_SHM, ...mounts] : mounts;
}

const HOST_SHM: MountOption = {
  type: "bind",
  source: "/dev/shm",
  destination: "/dev/shm",
  options: ["rbind"],
};

function checkSource(source: string): void {
  try {
    Deno.statSync(source);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new CliError(`cannot mount ${source}: it does not exist`, { cause: error });
    }
    // Where this user may not look, the runtime says what it finds.
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
  }
}

/**
 * Returns the mounts of the generated files below `/etc`, less those that `mounts` replaces. None
 * for a user who may not write to the daemon's root.
 */
function etcMounts(
  id: string,
  mounts: readonly MountOption[],
  { options, root, namespaces, network, rootfs: { path: rootfs, lowers } }: CreateInput,
  dirs: Record<string, string>,
  userNamespace: UserNamespace | undefined,
): MountOption[] {
  const texts = etcTexts({
    hostname: namespaces.uts === undefined ? options.hostname ?? id.slice(0, 64) : Deno.hostname(),
    hostNetwork: namespaces.network === "host",
    addressed: network !== undefined,
    addHost: options.addHost,
    dns: options.dns,
    dnsSearch: options.dnsSearch,
    dnsOption: options.dnsOption,
  });
  // Root of a user namespace is not the owner of what is there, and makes nothing in it.
  const mayMake = userNamespace === undefined && (lowers.length > 0 || options.readOnly !== true);
  for (const path of texts.keys()) {
    const given = mounts.some(({ destination }) => destination === path || destination === "/etc");
    if (given || !canMountOn(rootfs, path, mayMake)) texts.delete(path);
  }
  if (texts.size === 0) return [];
  try {
    dirs[ETC_LABEL] = createDir(root, "etc", id);
  } catch (error) {
    if (error instanceof Deno.errors.PermissionDenied) return [];
    throw error;
  }
  return writeEtcFiles(dirs[ETC_LABEL], texts);
}

function fromBundle(
  id: string,
  dir: string,
  options: ContainerOptions,
  args: readonly string[],
): ContainerCreateParams {
  const refused = SPEC_OPTIONS.find((name) => options[name] !== undefined);
  if (refused !== undefined || args.length > 0) {
    const what = refused === undefined
      ? "a command"
      : `--${refused.replaceAll(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`;
    throw new CliError(`--bundle takes the bundle's config.json as it is: ${what} cannot be given`);
  }
  const bundle = realDirectory(dir);
  const path = `${bundle}/config.json`;
  let spec: Spec;
  try {
    const value = parseJson(Deno.readTextFileSync(path));
    if (!isRecord(value)) throw new SyntaxError("it does not hold a JSON object");
    spec = value;
  } catch (error) {
    const why = messageOf(error);
    throw new CliError(`cannot use ${path}: ${why}`, { cause: error });
  }
  const rootPath = isRecord(spec["root"]) ? spec["root"]["path"] : undefined;
  if (isRecord(spec["root"]) && typeof rootPath === "string" && !rootPath.startsWith("/")) {
    spec = { ...spec, root: { ...spec["root"], path: realDirectory(`${bundle}/${rootPath}`) } };
  }
  const process = isRecord(spec["process"]) ? spec["process"] : {};
  const command = Array.isArray(process["args"]) ? process["args"].map(String) : [];
  return {
    id,
    spec,
    ...(process["terminal"] === true && { terminal: true }),
    labels: labelsOf(options, command),
    ...common(options),
  };
}

function common(options: ContainerOptions & LogFlags): Partial<ContainerCreateParams> {
  const log = logFrom(options);
  if (options.rm && options.restart !== undefined && options.restart.policy !== "no") {
    throw new CliError("a container cannot be both removed (--rm) and restarted (--restart)");
  }
  return {
    ...(log !== undefined && { log }),
    ...(options.tty && { terminal: true }),
    ...(options.stopTimeout !== undefined && { stopTimeout: options.stopTimeout }),
    ...(options.restart !== undefined && { restart: options.restart }),
    ...(options.rm && { autoRemove: true }),
    ...(options.runtime !== undefined && { runtime: options.runtime }),
    ...(options.group !== undefined && { group: options.group }),
    ...(!options.pivot && { noPivot: true }),
  };
}

function labelsOf(options: ContainerOptions, args: readonly string[]): Record<string, string> {
  const lines = (options.labelFile ?? []).flatMap(readLinesFile);
  return {
    [COMMAND_LABEL]: formatCommand(args),
    ...Object.fromEntries(lines.map(labelEntry)),
    ...options.label,
  };
}

/** The most that an image's labels may have together, in characters; the user's have room beside. */
const MAX_IMAGE_LABELS = 16 * 1024;

/** Returns the labels by which the container is known to use the image, and the image's own. */
function imageLabels({ name, id, config }: ContainerImage): Record<string, string> {
  let room = MAX_IMAGE_LABELS;
  const own = Object.entries(config.labels)
    .map(([label, value]) => [`image.${label}`, value] as const)
    // What the daemon does not take of an image's labels is left out, not the image refused.
    .filter(([label, value]) => (room -= label.length + value.length) >= 0);
  return { ...Object.fromEntries(own), [IMAGE_LABEL]: name, [IMAGE_ID_LABEL]: id };
}

function usernsLabel({ uidMappings }: UserNamespace): Record<string, string> {
  return { [USERNS_LABEL]: String(uidMappings[0]?.hostID) };
}

/** The overlay of the container's own layer, in `dir`, on what is below it. */
function overlayOn(
  { path, lowers }: Rootfs,
  dir: string,
  userNamespace: UserNamespace | undefined,
) {
  const upper = `${dir}/upper`;
  const work = `${dir}/work`;
  Deno.mkdirSync(upper);
  Deno.mkdirSync(work);
  // The root directory of the container is the upper layer's: it looks as the lower one does.
  const { mode, uid, gid } = Deno.statSync(path);
  if (mode !== null) Deno.chmodSync(upper, mode & 0o7777);
  const owner = userNamespace && uid === 0 ? hostRoot(userNamespace) : { uid, gid };
  if (owner.uid !== null && owner.gid !== null) Deno.chownSync(upper, owner.uid, owner.gid);
  const { options, ...mount } = overlayMount(lowers, { upper, work });
  return { ...mount, options: [...options] };
}
