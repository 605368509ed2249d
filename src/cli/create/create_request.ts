// SPDX-License-Identifier: MIT
import { OVERLAY_LABEL, removeOwnDir } from "../../oci/own_dirs_layout.ts";
import { cgroupsPathBelow } from "../../oci/spec/cgroups_path.ts";
import { defaultSpec } from "../../oci/spec/default_spec.ts";
import { mergeEnv } from "../../oci/spec/process_spec.ts";
import type { UserNamespace } from "../../oci/user_namespace/id_mapping.ts";
import { ImageError } from "../../images/image_errors.ts";
import type { NetworkParams } from "../../rpc/contract/schemas/network.ts";
import type { ContainerImage } from "../image/rootfs.ts";
import { IMAGE_ID_LABEL, IMAGE_LABEL, USERNS_LABEL } from "../common/labels.ts";
import { createDir } from "../container/container_dirs.ts";
import { environmentOf } from "../options/environment.ts";
import type { MountOption } from "../options/mounts/mount_option.ts";
import { readOnlyMount } from "../options/mounts/read_only_mount.ts";
import { resourcesFrom } from "../options/resources.ts";
import { bundleRequest } from "./bundle_request.ts";
import { checkImageConfig } from "./check_image.ts";
import { checkMounts, inOrder } from "./check_mounts.ts";
import { commonParams, labelsOf } from "./common_params.ts";
import { type ContainerCreateParams, type CreateInput, userOf } from "./create_input.ts";
import { mapVolumes } from "./volumes.ts";
import { etcMounts, mountsOf, overlayOn, type OwnDirs, volumeMounts } from "./mounts.ts";

/** A spec as JSON. */
type Spec = Record<string, unknown>;

/**
 * Returns the params of `container.create` that the options ask for, without stdio. Makes directories
 * of the container's own under `root`, which its labels name; the caller removes them when the create
 * fails. `held` gets their locks; see {@linkcode createDir}.
 */
export async function createRequest(
  id: string,
  request: CreateInput,
  held: DisposableStack,
): Promise<ContainerCreateParams> {
  const { options, root, rootfs, files } = request;
  const { args, lowers, image } = rootfs;
  if (options.bundle !== undefined) return bundleRequest(id, options.bundle, request);
  const given = mountsOf(options, request.namespaces);
  const dirs: OwnDirs = { labels: {}, held };
  try {
    checkMounts(rootfs.path, given);
    checkImageConfig(request);
    const volumes = await volumeMounts(id, given, request, dirs);
    // Last of what takes long: meanwhile nobody else can choose.
    const userNamespace = await request.userNamespaces.choose(id);
    if (userNamespace !== undefined) mapVolumes(volumes, userNamespace);
    const mounter = { kernel: Deno.osRelease(), runtime: request.runtime };
    const mounts = inOrder([...given, ...volumes]).map((mount) => readOnlyMount(mount, mounter));
    const etc = etcMounts(id, { given, volumes }, request, dirs, userNamespace);
    const spec = specOf(id, [...mounts, ...etc], request, userNamespace);
    const overlay = lowers.length > 0 ? createDir(root, "overlay", id, held) : undefined;
    if (overlay !== undefined) dirs.labels[OVERLAY_LABEL] = overlay;
    return {
      id,
      spec,
      rootfs: overlay === undefined ? undefined : [overlayOn(rootfs, overlay, userNamespace)],
      labels: {
        ...image && imageLabels(image),
        ...labelsOf(files.labels, options, args),
        ...image && { [IMAGE_LABEL]: image.name, [IMAGE_ID_LABEL]: image.id },
        ...options.userns === "auto" && userNamespace &&
          { [USERNS_LABEL]: String(userNamespace.uidMappings[0]?.hostID) },
        ...dirs.labels,
      },
      network: request.network && networkOf(request.network, etc),
      ...commonParams(options),
    };
  } catch (error) {
    for (const dir of Object.values(dirs.labels)) removeOwnDir(dir);
    if (image === undefined || !(error instanceof ImageError)) throw error;
    throw new ImageError(`image ${image.name}: ${error.message}`, { cause: error });
  }
}

/** Names the files into which the daemon writes addresses and DNS settings, if they were made here. */
function networkOf(network: NetworkParams, etc: readonly MountOption[]): NetworkParams {
  const madeFor = (path: string) => etc.find(({ destination }) => destination === path)?.source;
  return { ...network, hostsFile: madeFor("/etc/hosts"), resolvFile: madeFor("/etc/resolv.conf") };
}

function specOf(
  id: string,
  mounts: readonly MountOption[],
  request: CreateInput,
  userNamespace: UserNamespace | undefined,
): Spec {
  const { options, files, namespaces, defaults, rootfs: { path: rootfs, args, lowers, image } } =
    request;
  const { cgroupParent: parent } = options;
  const given = environmentOf({ env: options.env, ofFiles: files.env });
  // Once more, since names alone also remove what every container has.
  const env = [...mergeEnv(image?.config.env ?? [], given), ...given];
  return {
    ...defaultSpec({
      id,
      rootfs,
      ownRoot: lowers.length > 0,
      args,
      env,
      mounts,
      resources: { ...resourcesFrom(options) },
      terminal: options.tty,
      readOnly: options.readOnly,
      namespaces,
      userNamespace,
      ownNetwork: userNamespace && request.network === undefined,
      groups: options.groupAdd,
      rlimits: options.ulimit,
      openFiles: defaults.openFiles,
      devices: options.device,
      security: {
        privileged: options.privileged ?? false,
        capabilities: { add: options.capAdd ?? [], drop: options.capDrop ?? [] },
        securityOpts: options.securityOpt ?? [],
        profiles: files.seccomp,
        defaults,
      },
      sysctl: options.sysctl,
      annotations: options.annotation,
      init: options.init,
      stopSignal: options.stopSignal ?? image?.config.stopSignal,
      // An empty working directory is none.
      cwd: options.workdir || image?.config.workingDir || undefined,
      user: userOf(request),
      hostname: options.hostname,
      cgroupsPath: parent === undefined ? undefined : cgroupsPathBelow(parent, id),
    }),
  };
}

/** The most that an image's labels may have together, in characters; the user's have room beside. */
const MAX_IMAGE_LABELS = 16 * 1024;

/** Returns the image's own labels, but those for which there is no room: the image is not refused. */
function imageLabels({ config }: ContainerImage): Record<string, string> {
  const labels: Record<string, string> = {};
  let room = MAX_IMAGE_LABELS;
  for (const [label, value] of Object.entries(config.labels)) {
    const name = `image.${label}`;
    const size = name.length + value.length;
    if (size > room) continue;
    room -= size;
    labels[name] = value;
  }
  return labels;
}
