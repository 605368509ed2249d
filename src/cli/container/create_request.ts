// SPDX-License-Identifier: MIT
import { defaultSpec } from "../../oci/spec/default_spec.ts";
import type { DaemonContract } from "../../rpc/contract/daemon.ts";
import type { ParamsOf } from "../../rpc/contract/method.ts";
import { isRecord } from "../../rpc/is_record.ts";
import { formatCommand } from "../text/format.ts";
import { absolute, type ContainerOptions, environmentEntry, SPEC_OPTIONS } from "./options.ts";
import { CliError } from "../common/exit_status.ts";
import { COMMAND_LABEL, createDir, OVERLAY_LABEL } from "./container_dirs.ts";
import { resourcesFrom } from "./resources.ts";

/** Params of `container.create`. */
export type CreateParams = ParamsOf<DaemonContract, "container.create">;

/** A spec as JSON. */
type Spec = Record<string, unknown>;

/**
 * The params of `container.create` that the options ask for, without stdio. Makes the directories of
 * an overlay under `root`; the caller removes them when the create fails.
 */
export function createRequest(
  id: string,
  options: ContainerOptions,
  args: readonly string[],
  root: string,
): CreateParams {
  if (options.bundle !== undefined) return fromBundle(id, options.bundle, options, args);
  if (options.rootfs === undefined) {
    throw new CliError("say what to run in: --rootfs DIR, or --bundle DIR");
  }
  if (args.length === 0) throw new CliError("say which command to run, after the options");
  const rootfs = realDirectory(options.rootfs);
  const resources = resourcesFrom(options);
  const spec: Spec = {
    ...defaultSpec({
      id,
      rootfs,
      args: [...args],
      env: (options.env ?? []).flatMap(environmentEntry),
      mounts: [...options.mount ?? [], ...options.volume ?? []],
      resources: { ...resources },
      terminal: options.tty ?? false,
      readOnly: options.readOnly ?? false,
      net: options.net ?? "none",
      ...(options.cwd !== undefined && { cwd: options.cwd }),
      ...(options.user !== undefined && { user: options.user }),
      ...(options.hostname !== undefined && { hostname: options.hostname }),
      ...(options.cgroupParent !== undefined && {
        cgroupsPath: `/${options.cgroupParent.replace(/^\/+|\/+$/g, "")}/${id}`,
      }),
    }),
  };
  const overlay = options.overlay ? overlayOn(rootfs, createDir(root, "overlay", id)) : undefined;
  return {
    id,
    spec,
    ...(overlay && { rootfs: [overlay.mount] }),
    labels: labelsOf(options, args, overlay?.dir),
    ...common(options),
  };
}

function fromBundle(
  id: string,
  dir: string,
  options: ContainerOptions,
  args: readonly string[],
): CreateParams {
  const refused = SPEC_OPTIONS.find((name) => options[name] !== undefined);
  if (refused !== undefined || options.rootfs !== undefined || options.overlay || args.length > 0) {
    const what = args.length > 0
      ? "a command"
      : `--${
        (refused ?? (options.overlay ? "overlay" : "rootfs")).replaceAll(
          /[A-Z]/g,
          (c) => `-${c.toLowerCase()}`,
        )
      }`;
    throw new CliError(`--bundle takes the bundle's config.json as it is: ${what} cannot be given`);
  }
  const bundle = realDirectory(dir);
  const path = `${bundle}/config.json`;
  let spec: Spec;
  try {
    spec = { ...JSON.parse(Deno.readTextFileSync(path)) };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
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
    labels: labelsOf(options, command, undefined),
    ...common(options),
  };
}

function common(options: ContainerOptions): Partial<CreateParams> {
  return {
    ...(options.tty && { terminal: true }),
    ...(options.runtime !== undefined && { runtime: options.runtime }),
    ...(options.group !== undefined && { group: options.group }),
    ...(!options.pivot && { noPivot: true }),
  };
}

function labelsOf(
  options: ContainerOptions,
  args: readonly string[],
  overlay: string | undefined,
): Record<string, string> {
  return {
    [COMMAND_LABEL]: formatCommand(args),
    ...options.label,
    ...(overlay !== undefined && { [OVERLAY_LABEL]: overlay }),
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
    dir,
    mount: {
      type: "overlay",
      source: "overlay",
      options: [
        `lowerdir=${escape(lower)}`,
        `upperdir=${escape(`${dir}/upper`)}`,
        `workdir=${escape(`${dir}/work`)}`,
      ],
    },
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
