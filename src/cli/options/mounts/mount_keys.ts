// SPDX-License-Identifier: MIT
import { InvalidArgumentError } from "commander";
import { makeAbsolute } from "../../../linux/fs/path_names.ts";
import { parseBytes } from "../resources.ts";
import {
  anonymousVolume,
  BIND_RECURSIVE,
  bindOptions,
  isPath,
  type MountOption,
  noNamedVolumes,
  refuseRoot,
  tmpfsOptions,
  VOLUME,
} from "./mount_option.ts";

/** Values of docker's `bind-propagation` (mount_namespaces(7)). */
const PROPAGATIONS = ["rprivate", "private", "rshared", "shared", "rslave", "slave"] as const;

/** Keys of docker's `--mount` that berth does not have, and what to do instead. */
const NO_SUCH_KEY: Readonly<Record<string, string>> = {
  "volume-": "berth has no volumes but anonymous ones without options; use type=bind",
  "image-": "berth does not mount images; use type=bind with a directory",
};

/** Types of docker's `--mount` that are no file system. */
const NO_SUCH_TYPE: Readonly<Record<string, string>> = {
  image: "berth does not mount images; use type=bind with a directory",
  npipe: "named pipes exist on Windows only",
  cluster: "berth has no cluster volumes",
};

/** The values of `--mount`, by their keys. */
interface MountKeys {
  type?: string;
  source?: string;
  destination?: string;
  readonly options: string[];
  recursive: typeof BIND_RECURSIVE[number];
  /** Keys that only one type takes, for the check of the type. */
  readonly own: [key: string, type: string][];
}

/**
 * Parses `type=bind,src=/a,dst=/b,ro` as docker reads it, and `options=ro:nosuid` besides.
 * Throws commander's `InvalidArgumentError`.
 */
export function parseMount(text: string): MountOption {
  const keys: MountKeys = { options: [], recursive: "enabled", own: [] };
  for (const part of text.split(",")) {
    const at = part.indexOf("=");
    const key = (at < 0 ? part : part.slice(0, at)).toLowerCase();
    setKey(keys, key, at < 0 ? undefined : part.slice(at + 1));
  }
  // docker's type is volume where none is given; a path is no name of one.
  const type = keys.type ?? (isPath(keys.source ?? "") ? "bind" : VOLUME);
  const unsupported = NO_SUCH_TYPE[type];
  if (unsupported !== undefined) throw new InvalidArgumentError(`type=${type}: ${unsupported}`);
  for (const [key, wanted] of keys.own) {
    if (type !== wanted) {
      throw new InvalidArgumentError(`${key} goes with type=${wanted}, not with type=${type}`);
    }
  }
  const destination = keys.destination ?? "";
  if (!destination.startsWith("/")) {
    throw new InvalidArgumentError("dst must be an absolute path in the container");
  }
  refuseRoot(destination);
  if (type === VOLUME) {
    if (keys.source) throw noNamedVolumes(keys.source);
    return anonymousVolume(destination, keys.options);
  }
  const source = keys.source ?? (type === "bind" ? "" : type);
  if (type === "bind") {
    if (source === "") throw new InvalidArgumentError("a bind mount needs src");
    checkRecursive(keys);
    const options = bindOptions(keys.options, keys.recursive);
    return { type, source: makeAbsolute(source), destination, options };
  }
  if (type === "tmpfs") {
    return { type, source: "tmpfs", destination, options: tmpfsOptions(keys.options) };
  }
  const bound = keys.options.includes("bind") || keys.options.includes("rbind");
  return {
    type,
    source,
    destination,
    options: bound ? bindOptions(keys.options) : [...keys.options],
  };
}

function setKey(keys: MountKeys, key: string, value: string | undefined): void {
  const some = () => {
    if (value !== undefined) return value;
    throw new InvalidArgumentError(`${key} needs a value: ${key}=…`);
  };
  switch (key) {
    case "type":
      keys.type = some().toLowerCase();
      return;
    case "src":
    case "source":
      keys.source = some();
      return;
    case "dst":
    case "destination":
    case "target":
      keys.destination = some();
      return;
    case "options":
      keys.options.push(...some().split(":").filter((option) => option !== ""));
      return;
    case "ro":
    case "readonly":
      if (parseBoolean(key, value)) keys.options.push("ro");
      return;
    case "bind-propagation":
      keys.own.push([key, "bind"]);
      keys.options.push(oneOf(key, some(), PROPAGATIONS));
      return;
    case "bind-nonrecursive":
      keys.own.push([key, "bind"]);
      keys.recursive = parseBoolean(key, value) ? "disabled" : "enabled";
      return;
    case "bind-recursive":
      keys.own.push([key, "bind"]);
      keys.recursive = oneOf(key, some(), BIND_RECURSIVE);
      return;
    case "tmpfs-size":
      keys.own.push([key, "tmpfs"]);
      keys.options.push(`size=${parseBytes(some())}`);
      return;
    case "tmpfs-mode":
      keys.own.push([key, "tmpfs"]);
      keys.options.push(`mode=${modeOf(key, some())}`);
      return;
    case "consistency":
      oneOf(key, some(), ["default", "consistent", "cached", "delegated"]);
      return;
  }
  const prefix = Object.keys(NO_SUCH_KEY).find((start) => key.startsWith(start));
  throw new InvalidArgumentError(
    prefix === undefined
      ? `unknown key ${JSON.stringify(key)}: expected type, src, dst, readonly, options, ` +
        "bind-propagation, bind-recursive, tmpfs-size or tmpfs-mode"
      : `${key}: ${NO_SUCH_KEY[prefix]}`,
  );
}

/** Refuses what docker refuses beside `bind-recursive`. */
function checkRecursive({ recursive, options }: MountKeys): void {
  if (recursive !== "writable" && recursive !== "readonly") return;
  if (!options.some((option) => option === "ro" || option === "rro")) {
    throw new InvalidArgumentError(`bind-recursive=${recursive} needs readonly`);
  }
  if (recursive === "writable") return;
  if (PROPAGATIONS.some((one) => one !== "rprivate" && options.includes(one))) {
    throw new InvalidArgumentError("bind-recursive=readonly needs bind-propagation=rprivate");
  }
  const contrary = options.find((option) => /^(?:bind|rw|rrw)$/.test(option));
  if (contrary !== undefined) {
    throw new InvalidArgumentError(
      `bind-recursive=readonly and options=${contrary} exclude each other`,
    );
  }
}

/** Returns a boolean as docker reads it (Go's strconv.ParseBool); a key without a value is true. */
function parseBoolean(key: string, value: string | undefined): boolean {
  if (value === undefined || /^(?:1|t|T|TRUE|true|True)$/.test(value)) return true;
  if (/^(?:0|f|F|FALSE|false|False)$/.test(value)) return false;
  throw new InvalidArgumentError(`${key} must be true or false, not ${JSON.stringify(value)}`);
}

function oneOf<Value extends string>(
  key: string,
  value: string,
  values: readonly Value[],
): Value {
  const found = values.find((one) => one === value);
  if (found !== undefined) return found;
  throw new InvalidArgumentError(`${key} must be one of ${values.join(", ")}`);
}

function modeOf(key: string, value: string): string {
  if (/^[0-7]{1,5}$/.test(value)) return value;
  throw new InvalidArgumentError(`${key} must be an octal mode, such as 1777`);
}
