// SPDX-License-Identifier: MIT
// Parses `-v` and `--tmpfs`: mounts in docker's short forms.
import { InvalidArgumentError } from "commander";
import { makeAbsolute } from "../../../linux/fs/path_names.ts";
import { isMountOption } from "../../../linux/mount/options.ts";
import {
  anonymousVolume,
  bindOptions,
  isPath,
  type MountOption,
  noNamedVolumes,
  refuseRoot,
  tmpfsOptions,
} from "./mount_option.ts";

/**
 * Options of docker's `-v` that change nothing here: containers have no label of SELinux, and the files
 * of another machine are not mounted.
 */
const IDLE_OPTIONS = ["", "rw", "z", "Z", "consistent", "cached", "delegated"];

/**
 * Parses docker's `SRC:DST[:OPTIONS]`, and `DST` alone, which is an anonymous volume. Throws
 * commander's `InvalidArgumentError`.
 */
export function parseVolume(text: string): MountOption {
  const [source, destination, options = "", ...rest] = text.split(":");
  refuseRoot(destination ?? source ?? "");
  if (source?.startsWith("/") && destination === undefined) return anonymousVolume(source, []);
  if (!source || !destination?.startsWith("/") || rest.length > 0) {
    throw new InvalidArgumentError(
      "expected /source:/destination, /source:/destination:ro or /destination",
    );
  }
  if (!isPath(source)) throw noNamedVolumes(source);
  return {
    type: "bind",
    source: makeAbsolute(source),
    destination,
    options: bindOptions(options.split(",").filter((option) => !IDLE_OPTIONS.includes(option))),
  };
}

/** Parses docker's `--tmpfs DST[:OPTIONS]`. Throws commander's `InvalidArgumentError`. */
export function parseTmpfs(text: string): MountOption {
  const [destination = "", options = "", ...rest] = text.split(":");
  if (!destination.startsWith("/") || rest.length > 0) {
    throw new InvalidArgumentError("expected /destination or /destination:size=64m,mode=1777");
  }
  refuseRoot(destination);
  const given = options.split(",").filter((option) => option !== "");
  const unknown = given.find((option) =>
    !isMountOption(option) && !/^(?:size|mode|uid|gid|nr_inodes|nr_blocks|mpol)=/.test(option)
  );
  if (unknown !== undefined) {
    throw new InvalidArgumentError(`unknown tmpfs option ${JSON.stringify(unknown)}`);
  }
  return { type: "tmpfs", source: "tmpfs", destination, options: tmpfsOptions(given) };
}
