// SPDX-License-Identifier: MIT
import { defaultSpec } from "../../oci/spec/default_spec.ts";
import { resolveGroups } from "../../oci/spec/passwd.ts";
import type { DaemonContract } from "../../rpc/contract/daemon.ts";
import type { ParamsOf } from "../../rpc/contract/method.ts";
import { isRecord } from "../../rpc/is_record.ts";
import { formatCommand } from "../text/format.ts";
import { absolute, type ContainerOptions, labelEntry, SPEC_OPTIONS } from "./options.ts";
import { CliError } from "../common/exit_status.ts";
import {
  COMMAND_LABEL,
  createDir,
  ETC_LABEL,
  OVERLAY_LABEL,
  removeOwnDirs,
} from "./container_dirs.ts";
import { environmentEntry, readLinesFile } from "./environment.ts";
import { canMountOn, etcTexts, writeEtcFiles } from "./etc_files.ts";
import { INIT_PATH, initMount } from "./init_program.ts";
import { type LogFlags, logFrom } from "./log_options.ts";
import { type MountOption, shmMount } from "./mounts.ts";
import type { Namespaces } from "./namespaces.ts";
import { resourcesFrom } from "./resources.ts";
import { STOP_SIGNAL_ANNOTATION } from "./stop_signal.ts";
import { messageOf } from "../../rpc/error_text.ts";
import { parseJson } from "../../rpc/json.ts";

/** Params of `container.create`. */
export type CreateParams = ParamsOf<DaemonContract, "container.create">;

/** A spec as JSON. */
type Spec = Record<string, unknown>;

/** What a container is to be made from. */
export interface ContainerRequest {
  readonly options: ContainerOptions;
  /** The command and its arguments. */
  readonly args: readonly string[];
  /** The daemon's root directory. */
  readonly root: string;
  /** The namespaces that it shares. */
  readonly namespaces: Namespaces;
}

/**
 * Returns the params of `container.create` that the options ask for, without stdio. Makes directories
 * of the container's own under `root`, which its labels name; the caller removes them when the create
 * fails.
 */
export function createRequest(id: string, request: ContainerRequest): CreateParams {
  const { options, root } = request;
  if (options.bundle !== undefined) return fromBundle(id, options.bundle, options, request.args);
  if (options.rootfs === undefined) {
    throw new CliError("say what to run in: --rootfs DIR, or --bundle DIR");
  }
  const args = commandOf(options, request.args);
  const rootfs = realDirectory(options.rootfs);
  const mounts = mountsOf(options, request.namespaces);
  const dirs: Record<string, string> = {};
  try {
    const etc = etcMounts(id, rootfs, mounts, request, dirs);
    const spec = specOf(id, rootfs, args, [...mounts, ...etc], request);
    const overlay = options.overlay && createDir(root, "overlay", id);
    if (overlay) dirs[OVERLAY_LABEL] = overlay;
    return {
      id,
      spec,
      ...(overlay && { rootfs: [overlayOn(rootfs, overlay)] }),
      labels: { ...labelsOf(options, args), ...dirs },
      ...common(options),
    };
  } catch (error) {
    removeOwnDirs(root, id, dirs);
    throw error;
  }
}

/** The command with what `--entrypoint` puts before it. */
function commandOf(options: ContainerOptions, args: readonly string[]): string[] {
  const command = [...options.entrypoint === undefined ? [] : [options.entrypoint], ...args];
  if (command.length === 0) throw new CliError("say which command to run, after the options");
  return command;
}

function specOf(
  id: string,
  rootfs: string,
  args: readonly string[],
  mounts: readonly MountOption[],
  { options, namespaces }: ContainerRequest,
): Spec {
  const annotations = {
    ...options.annotation,
    ...(options.stopSignal !== undefined && { [STOP_SIGNAL_ANNOTATION]: options.stopSignal }),
  };
  const env = [...(options.envFile ?? []).flatMap(readLinesFile), ...options.env ?? []];
  return {
    ...defaultSpec({
      id,
      rootfs,
      args: options.init ? [INIT_PATH, "--", ...args] : args,
      env: env.flatMap(environmentEntry),
      mounts,
      resources: { ...resourcesFrom(options) },
      terminal: options.tty ?? false,
      readOnly: options.readOnly ?? false,
      namespaces,
      groups: resolveGroups(rootfs, options.groupAdd ?? []),
      rlimits: options.ulimit ?? [],
      devices: options.device ?? [],
      ...(options.sysctl && { sysctl: options.sysctl }),
      ...(Object.keys(annotations).length > 0 && { annotations }),
      ...(options.workdir !== undefined && { cwd: options.workdir }),
      ...(options.user !== undefined && { user: options.user }),
      ...(options.hostname !== undefined && { hostname: options.hostname }),
      ...(options.cgroupParent !== undefined && {
        cgroupsPath: `/${options.cgroupParent.replace(/^\/+|\/+$/g, "")}/${id}`,
      }),
    }),
  };
}

/** The mounts that the options ask for. Throws a {@linkcode CliError} for a source that is not there. */
function mountsOf(options: ContainerOptions, namespaces: Namespaces): MountOption[] {
  const mounts = [
    ...options.mount ?? [],
    ...options.volume ?? [],
    ...options.tmpfs ?? [],
    ...options.init ? [initMount()] : [],
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
 * The mounts of the generated files below `/etc`, less those that `mounts` replaces. None for a user
 * who may not write to the daemon's root.
 */
function etcMounts(
  id: string,
  rootfs: string,
  mounts: readonly MountOption[],
  { options, root, namespaces }: ContainerRequest,
  dirs: Record<string, string>,
): MountOption[] {
  const texts = etcTexts({
    hostname: namespaces.uts === undefined ? options.hostname ?? id.slice(0, 64) : Deno.hostname(),
    hostNetwork: namespaces.network === "host",
    addHost: options.addHost,
    dns: options.dns,
    dnsSearch: options.dnsSearch,
    dnsOption: options.dnsOption,
  });
  const mayMake = options.overlay === true || options.readOnly !== true;
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
): CreateParams {
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

function common(options: ContainerOptions & LogFlags): Partial<CreateParams> {
  const log = logFrom(options);
  return {
    ...(log !== undefined && { log }),
    ...(options.tty && { terminal: true }),
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

/** An overlay of `dir`'s own upper layer on `lower` (Documentation/filesystems/overlayfs.rst). */
function overlayOn(lower: string, dir: string) {
  Deno.mkdirSync(`${dir}/upper`);
  Deno.mkdirSync(`${dir}/work`);
  // The root directory of the container is the upper layer's: it looks as the lower one does.
  const { mode, uid, gid } = Deno.statSync(lower);
  if (mode !== null) Deno.chmodSync(`${dir}/upper`, mode & 0o7777);
  if (uid !== null && gid !== null) Deno.chownSync(`${dir}/upper`, uid, gid);
  const escape = (path: string) => path.replaceAll(/[\\,:]/g, (character) => `\\${character}`);
  return {
    type: "overlay",
    source: "overlay",
    options: [
      `lowerdir=${escape(lower)}`,
      `upperdir=${escape(`${dir}/upper`)}`,
      `workdir=${escape(`${dir}/work`)}`,
    ],
  };
}

/** The directory without links; a {@linkcode CliError} where it is none. */
function realDirectory(path: string): string {
  try {
    const real = Deno.realPathSync(absolute(path));
    if (Deno.statSync(real).isDirectory) return real;
  } catch (error) {
    const why = error instanceof Deno.errors.NotFound ? "no such directory" : `${error}`;
    throw new CliError(`${path}: ${why}`, { cause: error });
  }
  throw new CliError(`${path} is not a directory`);
}
