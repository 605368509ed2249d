// SPDX-License-Identifier: MIT
// The mounts of a container: of options, of generated files, of its own layer.
import { flagOf } from "../common/command.ts";
import { ETC_LABEL, VOLUMES_LABEL } from "../../oci/own_dirs_layout.ts";
import { pathNames } from "../../linux/fs/path_names.ts";
import { hostRoot, type UserNamespace } from "../../oci/user_namespace/id_mapping.ts";
import { resolveUser } from "../../oci/spec/passwd.ts";
import { type OverlayMount, overlayMount } from "../../images/overlay_mount.ts";
import type { Rootfs } from "../image/rootfs.ts";
import type { ContainerOptions } from "../options/options.ts";
import { CliError } from "../common/exit_status.ts";
import { createDir } from "../container/container_dirs.ts";
import { HOST_GATEWAY } from "../../oci/spec/etc_files.ts";
import { canMountOn, etcTexts, type HostEntry, writeEtcFiles } from "../options/etc_files.ts";
import { type MountOption, shmMount, VOLUME } from "../options/mounts/mount_option.ts";
import type { Namespaces } from "../options/namespaces.ts";
import { endInContainer } from "./check_mounts.ts";
import { makeVolumes, type Volume } from "./volumes.ts";
import { type CreateInput, userOf } from "./create_input.ts";
import { printStderr } from "../text/print.ts";

/** The directories that were made for a container that is being created. */
export interface OwnDirs {
  /** The labels that name them. */
  readonly labels: Record<string, string>;
  /** Their locks; see {@linkcode createDir}. */
  readonly held: DisposableStack;
}

/**
 * Returns the mounts that the options ask for, less anonymous volumes. Throws a {@linkcode CliError}
 * for a source that is not there, and for two mounts at one place.
 */
export function mountsOf(options: ContainerOptions, namespaces: Namespaces): MountOption[] {
  const all = [...options.mount ?? [], ...options.volume ?? [], ...options.tmpfs ?? []];
  // An anonymous volume gives way to another mount.
  const mounts = all.filter(({ type }) => type !== VOLUME);
  for (const [at, { destination }] of mounts.entries()) {
    if (mounts.slice(0, at).some((other) => isAt(other, destination))) {
      throw new CliError(`two mounts at ${destination}: give one of them another place`);
    }
  }
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
  options: ["rbind", "rprivate"],
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

/** Returns whether the mount is at the path, however the two are written. */
function isAt({ destination }: Pick<MountOption, "destination">, path: string): boolean {
  return pathNames(destination).join("/") === pathNames(path).join("/");
}

/**
 * Returns the mounts of the generated files below `/etc`, less those that other mounts replace: an
 * `/etc` of the user's own is taken as it is, one that is a volume of the image is not. None for a
 * user who may not write to the daemon's root.
 */
export function etcMounts(
  id: string,
  { given, volumes }: Readonly<Record<"given" | "volumes", readonly MountOption[]>>,
  { options, root, namespaces, network, rootfs: { path: rootfs, lowers } }: CreateInput,
  dirs: OwnDirs,
  userNamespace: UserNamespace | undefined,
): MountOption[] {
  const hostNetwork = namespaces.network === "host";
  const texts = etcTexts({
    hostname: namespaces.uts === undefined ? options.hostname ?? id.slice(0, 64) : Deno.hostname(),
    hostNetwork,
    addressed: network !== undefined,
    addHost: hostEntries(options.addHost ?? [], hostNetwork, network !== undefined),
    dns: options.dns,
    dnsSearch: options.dnsSearch,
    dnsOption: options.dnsOption,
  });
  const mayMake = {
    // Root of a user namespace is not the owner of what is there, and makes nothing in it.
    inRoot: userNamespace === undefined && (lowers.length > 0 || options.readOnly !== true),
    // The container's own is its root's; what is bound there may be anybody's.
    inShm: userNamespace === undefined ||
      !given.some((mount) => mount.type === "bind" && isAt(mount, "/dev/shm")),
  };
  for (const path of texts.keys()) {
    const replaced = given.some((mount) => isAt(mount, "/etc")) ||
      [...given, ...volumes].some((mount) => isAt(mount, path));
    // A link in what is mounted leads elsewhere than in the root filesystem.
    const isNull = endInContainer(rootfs, given, path) === "/dev/null";
    if (!replaced && !isNull && canMountOn(rootfs, path, mayMake)) continue;
    texts.delete(path);
    const asked = OPTIONS_OF[path]?.filter((name) => options[name] !== undefined) ?? [];
    if (!replaced && asked.length > 0) {
      const flags = asked.map(flagOf).join(", ");
      printStderr(
        `${path} of the root filesystem cannot be replaced, so this is left out: ${flags}`,
      );
    }
  }
  if (texts.size === 0) return [];
  let dir;
  try {
    dir = createDir(root, "etc", id, dirs.held);
  } catch (error) {
    if (error instanceof Deno.errors.PermissionDenied) return [];
    throw error;
  }
  dirs.labels[ETC_LABEL] = dir;
  return writeEtcFiles(dir, texts, options);
}

/** The options that change a generated file. */
const OPTIONS_OF: Readonly<
  Record<string, readonly ("addHost" | "dns" | "dnsSearch" | "dnsOption")[]>
> = {
  "/etc/hosts": ["addHost"],
  "/etc/resolv.conf": ["dns", "dnsSearch", "dnsOption"],
};

/**
 * Returns the entries of `--add-host`, with the loopback for the host where the network is the host's.
 * The daemon knows the gateway of any other. Throws a {@linkcode CliError} where there can be none.
 */
function hostEntries(
  entries: readonly HostEntry[],
  hostNetwork: boolean,
  addressed: boolean,
): HostEntry[] {
  return entries.map(([name, address]) => {
    if (address !== HOST_GATEWAY || addressed) return [name, address];
    if (hostNetwork) return [name, "127.0.0.1"];
    throw new CliError(`--add-host ${name}:${HOST_GATEWAY} needs a network of the container's own`);
  });
}

/**
 * Returns the anonymous volumes that the options and the image ask for, but where something is mounted
 * already.
 */
export async function volumeMounts(
  id: string,
  mounts: readonly MountOption[],
  request: CreateInput,
  dirs: OwnDirs,
): Promise<MountOption[]> {
  const { options, rootfs: { image, path }, root } = request;
  const asked = [...options.mount ?? [], ...options.volume ?? []]
    .filter(({ type }) => type === VOLUME);
  const imageVolumes = (image?.config.volumes ?? []).map((destination): Volume => ({
    destination,
    ofImage: true,
  }));
  const volumes: Volume[] = [];
  for (const volume of [...asked, ...imageVolumes]) {
    const taken = [...mounts, ...volumes].some((other) => isAt(other, volume.destination));
    if (!taken) volumes.push(volume);
  }
  if (volumes.length === 0) return [];
  const dir = dirs.labels[VOLUMES_LABEL] = createDir(root, "volumes", id, dirs.held);
  // The container's users go through it to their volumes' mounts.
  const user = userOf(request);
  const owner = user === undefined ? { uid: 0, gid: 0 } : resolveUser(path, user);
  return await makeVolumes(dir, path, volumes, owner);
}

/** Returns the overlay of the container's own layer, in `dir`, on the layers below it. */
export function overlayOn(
  { path, lowers }: Rootfs,
  dir: string,
  userNamespace: UserNamespace | undefined,
): OverlayMount {
  const upper = `${dir}/upper`;
  const work = `${dir}/work`;
  Deno.mkdirSync(upper);
  Deno.mkdirSync(work);
  // The root directory of the container is the upper layer's: it looks as the lower one does.
  const { mode, uid, gid } = Deno.statSync(path);
  if (mode !== null) Deno.chmodSync(upper, mode & 0o7777);
  const owner = userNamespace && uid === 0 ? hostRoot(userNamespace) : { uid, gid };
  if (owner.uid !== null && owner.gid !== null) Deno.chownSync(upper, owner.uid, owner.gid);
  return overlayMount(lowers, { upper, work });
}
